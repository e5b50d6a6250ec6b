"""Settings that are for one's own machine, at an address that others reach: refused before anything is answered."""

import ipaddress
import socket
from collections.abc import Iterable, Iterator

from django.conf import settings

# What Django's deployment check (security.W009) asks of a key.
_LEAST_LENGTH = 50
_LEAST_DIFFERENT = 5


class Exposed(Exception):
    """Others would reach what is meant for one's own machine; the sentences say what, and what to do."""


def refuse_exposure(addresses: Iterable[str]) -> None:
    """Raise Exposed when other machines reach one of these addresses (or names) and a setting forbids that."""
    public = sorted({address for address in addresses if not _is_loopback(address)})
    reasons = [*_reasons()]
    if public and reasons:
        raise Exposed(f"Not started: others reach {', '.join(public)}. {' '.join(reasons)} Or listen on 127.0.0.1.")


def _is_loopback(host: str) -> bool:
    """An empty host and one that cannot be resolved count as reachable."""
    try:
        found = {ipaddress.ip_address(entry[4][0]) for entry in socket.getaddrinfo(host or "::", None)}
    except OSError:
        return False
    return all(address.is_loopback for address in found)


def _reasons() -> Iterator[str]:
    if settings.DEBUG:
        opened = "" if settings.METRICS_TOKEN else ", and /metrics is open"
        yield f"DEBUG is on, which shows settings and posted data to whoever provokes an error{opened}: set DEBUG=0."
    key = settings.SECRET_KEY
    if len(key) < _LEAST_LENGTH or len(set(key)) < _LEAST_DIFFERENT or key.startswith("django-insecure-"):
        yield (
            f"SECRET_KEY can be guessed: set it to {_LEAST_LENGTH} or more random characters, for example the output "
            "of: python -c 'import secrets; print(secrets.token_urlsafe(50))'."
        )
