"""Who sends a request, as far as can be told without asking anybody: for sharing threads and counting dues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings

from orders.api.authentication import key_in, remembered_principal
from orders_project.client_address import client_address, network_of
from orders_project.front.dues import Due
from orders_project.front.wsgi_call import Environ

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Caller:
    """`shares_as` is whose share of the threads is taken, a storefront's with all its keys; `counted_as` is whose dues.

    `reads` says what is asked: to read, or to change something.
    """

    shares_as: object
    counted_as: str
    due: Due | None
    reads: bool


def caller_of(environ: Environ) -> Caller:
    """The key's storefront where a worker knows the key; everybody else is known by address.

    A key that was never seen, or is wrong, is nobody's yet: its first request counts for the address.
    """
    reads = environ["REQUEST_METHOD"] in _READS
    key = key_in(environ)
    principal = remembered_principal(key) if key else None
    if principal is None:
        # Apart from those who show none: their slow bodies keep nobody's key from becoming known.
        who = f"{network_of(client_address(environ))}{' with a key' if key else ''}"
        return Caller(who, who, _due("requests", settings.ANONYMOUS_REQUESTS_PER_SECOND), reads)
    storefront = principal.storefront
    if reads:
        own, usual, name = storefront.reads_per_second, settings.READS_PER_SECOND, "reads"
    else:
        own, usual, name = storefront.writes_per_second, settings.WRITES_PER_SECOND, "writes"
    return Caller(storefront.pk, principal.caller.actor, _due(name, usual if own is None else own), reads)


def _due(name: str, per_second: float) -> Due | None:
    return Due(name, per_second) if per_second else None
