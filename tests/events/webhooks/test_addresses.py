"""Nothing but the public internet is connected to, in whatever form an address comes."""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import Any

import pytest

from events.webhooks.addresses import NotAllowed, addresses_of, is_public, target_of


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    """It is not, here."""
    settings.WEBHOOK_ALLOW_PRIVATE = False


INSIDE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",  # compatible
    "::ffff:127.0.0.1",  # mapped
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",  # translated
    "64:ff9b::7f00:1",  # NAT64
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",  # Teredo
    "2001:db8::1",
    "2002:7f00:1::",  # 6to4
    "2a00:1450::5efe:7f00:1",  # ISATAP
    "2a00:1450::200:5efe:a00:1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.32.0.1",
    "::ffff:8.8.8.8",
    "2606:4700:4700::1111",
    "2a00:1450::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_none_of_the_public_internet(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_one(address):
    assert is_public(ipaddress.ip_address(address))


def leading_to(*answers: list[str]) -> Any:
    """A resolver that answers with these addresses, one list after the other."""
    left = list(answers)
    asked: list[str] = []

    def lookup(host: str, port: int, **kwargs: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in left.pop(0)]

    lookup.asked = asked  # type: ignore[attr-defined]
    return lookup


TARGET = "https://hooks.example.com/"


def test_a_name_is_looked_up_once_and_its_addresses_are_what_is_connected_to():
    lookup = leading_to(["8.8.8.8", "1.1.1.1"], ["127.0.0.1"])

    addresses = addresses_of(target_of(TARGET), seconds=5, lookup=lookup)

    assert [(address.ip, address.port) for address in addresses] == [("8.8.8.8", 443), ("1.1.1.1", 443)]
    assert lookup.asked == ["hooks.example.com"]


@pytest.mark.parametrize("others", [[], ["8.8.8.8"], ["8.8.8.8", "1.1.1.1", "9.9.9.9", "8.8.4.4"]])
def test_one_address_inside_is_enough_to_refuse_the_name(others):
    with pytest.raises(
        NotAllowed, match=r"^hooks\.example\.com leads to an address that is not of the public internet$"
    ):
        addresses_of(target_of(TARGET), seconds=5, lookup=leading_to([*others, "10.0.0.7"]))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost"])
def test_other_spellings_of_loopback_are_loopback(host):
    with pytest.raises(NotAllowed):
        addresses_of(target_of(f"https://{host}/"), seconds=5)


def test_a_resolver_that_never_answers_is_not_waited_for():
    asked, over = [], threading.Event()

    def never(host: str, port: int, **kwargs: Any) -> Any:
        asked.append(host)
        over.wait()
        return []

    with pytest.raises(TimeoutError, match="could not be looked up in time"):
        addresses_of(target_of(TARGET), seconds=0.01, lookup=never)
    over.set()
    assert asked == ["hooks.example.com"]


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://hooks.example.com", "hooks.example.com", 443, "/", "hooks.example.com"),
        ("https://hooks.example.com:443/a?b=c", "hooks.example.com", 443, "/a?b=c", "hooks.example.com"),
        ("https://hooks.example.com:8443/a%20b", "hooks.example.com", 8443, "/a%20b", "hooks.example.com:8443"),
        ("https://xn--bcher-kva.example/?x", "xn--bcher-kva.example", 443, "/?x", "xn--bcher-kva.example"),
        ("https://[2606:4700:4700::1111]/", "[2606:4700:4700::1111]", 443, "/", "[2606:4700:4700::1111]"),
    ],
)
def test_a_url_is_read_as_it_is_written(url, host, port, path, authority):
    target = target_of(url)

    assert (target.tls, target.host, target.port, target.path, target.authority) == (True, host, port, path, authority)
