"""Where a webhook may go: which URLs, and which addresses behind their names.

Whoever registers an endpoint chooses what this service connects to, so nothing but the public internet is let through.
"""

import ipaddress
import queue
import re
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.conf import settings

_PORTS = (443, 8443)
# A host with more addresses than this would eat the whole deadline when all of them are dead.
_MOST_ADDRESSES = 3

# Strict, so that nobody who reads it later finds another host in it.
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?|\[[0-9a-f:.]{2,45}\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[!$%&'()*+,./0-9:;=@A-Z_a-z~-]*)?"
    r"(?P<query>\?[!$%&'()*+,./0-9:;=?@A-Z_a-z~-]*)?",
)

# Python's `is_global` differs between versions and lets through what leads back inside: NAT64, 6to4 and Teredo carry an
# IPv4 address within them. What is not here and yet not global is refused as well.
_REFUSED = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "3fff::/20",
        ),
    )
)
_UNICAST_IPV6 = ipaddress.ip_network("2000::/3")

Lookup = Callable[..., Sequence[tuple[Any, ...]]]


class BadUrl(ValueError):
    """Such a URL is no endpoint; the sentence says why."""


class NotAllowed(OSError):
    """The name leads to an address that no webhook is sent to."""


class Target(NamedTuple):
    tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As the header `Host` has it."""
        usual = 443 if self.tls else 80
        return self.host if self.port == usual else f"{self.host}:{self.port}"


class Address(NamedTuple):
    family: int
    ip: str
    port: int


def target_of(url: str) -> Target:
    """Raises BadUrl."""
    match = _URL.fullmatch(url)
    if match is None or len(match["host"]) > 253:
        raise BadUrl(
            "An endpoint's URL reads https://host/path: the host in small ASCII letters, without user, password or "
            "fragment, everything special in the path percent-encoded"
        )
    tls = match["scheme"] == "https"
    target = Target(tls, match["host"], int(match["port"] or (443 if tls else 80)), match["path"] or "/")
    target = target._replace(path=target.path + (match["query"] or ""))
    if target.port > 65_535:
        raise BadUrl("The port is a number up to 65535")
    if settings.WEBHOOK_ALLOW_PRIVATE:
        return target
    if not tls:
        raise BadUrl("Webhooks are sent over https alone")
    if target.port not in _PORTS:
        raise BadUrl(f"The port is one of {', '.join(map(str, _PORTS))}")
    try:
        literal = ipaddress.ip_address(target.host.strip("[]"))
    except ValueError:
        return target
    if not is_public(literal):
        raise BadUrl("The address is not one of the public internet")
    return target


def is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(ip.ipv4_mapped)
        # ISATAP carries an IPv4 address in the last half, whatever the network.
        if ip not in _UNICAST_IPV6 or (int(ip) >> 32) & 0xFCFF_FFFF == 0x5EFE:
            return False
    return ip.is_global and not any(ip in network for network in _REFUSED if network.version == ip.version)


def addresses_of(target: Target, *, seconds: float, lookup: Lookup = socket.getaddrinfo) -> list[Address]:
    """Look the host up once: what to connect to, without ever asking for the name again.

    Raises NotAllowed unless every address is allowed, TimeoutError, or the resolver's OSError.
    """
    found = _looked_up(target, seconds, lookup)
    if not settings.WEBHOOK_ALLOW_PRIVATE:
        for address in found:
            if not is_public(ipaddress.ip_address(address.ip.partition("%")[0])):
                # Not to which: whoever registers endpoints is not to learn what names mean inside.
                raise NotAllowed(f"{target.host} leads to an address that is not of the public internet")
    return found[:_MOST_ADDRESSES]


def _looked_up(target: Target, seconds: float, lookup: Lookup) -> list[Address]:
    """The C library has no deadline for it, so it is done aside, and left alone when it takes too long."""
    answers: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = lookup(target.host.strip("[]"), target.port, type=socket.SOCK_STREAM)
            answers.put([Address(family, to[0], to[1]) for family, _, _, _, to in found])
        except (OSError, UnicodeError) as error:
            answers.put(OSError(f"{target.host} cannot be looked up: {error}"))

    threading.Thread(target=look_up, name="webhook-lookup", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"{target.host} could not be looked up in time") from None
    if isinstance(answer, OSError):
        raise answer
    if not answer:
        raise OSError(f"{target.host} has no address")
    return answer
