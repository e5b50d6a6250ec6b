"""From where a request comes, also behind proxies: for everyone who counts or limits by address.

Every proxy adds the address it was called from to the right of `X-Forwarded-For`. What the trusted ones have
written stands there; anything left of it the caller may have invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

from django.conf import settings

# What one household, office or server is given of IPv6; within it an address costs nothing.
_IPV6_PREFIX: Final = 64


def client_address(meta: Mapping[str, Any]) -> str:
    """The client's address, of `request.META` or a WSGI environment, as TRUSTED_PROXIES proxies have told it."""
    return address_behind(
        settings.TRUSTED_PROXIES,
        remote=meta.get("REMOTE_ADDR", ""),
        forwarded_for=meta.get("HTTP_X_FORWARDED_FOR", ""),
    )


def address_behind(proxies: int, *, remote: str, forwarded_for: str) -> str:
    """The address that the outermost of so many proxies was called from.

    Where fewer have written, it is what the outermost of these has; `remote` where that is no address.
    """
    told = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    from_left = [*told, remote]
    hop = from_left[max(len(from_left) - 1 - proxies, 0)]
    return str(_parsed(hop) or _parsed(remote) or remote)


def network_of(address: str) -> str:
    """Whom to count as one: the IPv4 address itself, the IPv6 network it is in."""
    parsed = _parsed(address)
    return str(ip_network((parsed, _IPV6_PREFIX), strict=False)) if isinstance(parsed, IPv6Address) else address


def _parsed(hop: str) -> IPv4Address | IPv6Address | None:
    """Some proxies add the port, as in `192.0.2.1:443` and `[2001:db8::1]:443`."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        address = ip_address(hop.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
