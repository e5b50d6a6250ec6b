"""A shortcut for placing where the inventory is the ledger in our own database: hold and write in one call.

It saves a round trip, a quarter of what placing an order costs. Whatever it meets, it leaves things as
the two calls would, so the long way goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.db import DatabaseError, connection

from inventory_client.client import HoldOutcome
from inventory_client.current import get_inventory
from inventory_client.ledger import EmbeddedLedger, Refused, refusal_in
from inventory_client.values import HoldRequest
from orders.models.prepared import Prepared
from orders.operations.writing import NewRows

_CALL: Final = Prepared(
    "place_at_once",
    "call orders_place_at_once("
    "$1::interval, $2::uuid[], $3::integer[], $4::integer[], $5::text[], $6::integer[], $7::interval, "
    "$8::json, $9::json, $10::json, $11::text[], $12::json, null, null, null)",
)


class AtOnce(NamedTuple):
    """What became of each hold; and whether, all of them being fresh, the rows were written too."""

    holds: list[HoldOutcome]
    written: bool


def ledger_at_hand() -> EmbeddedLedger | None:
    """The ledger, when it stands in our own database and one call may end its own transactions."""
    inventory = get_inventory()
    if isinstance(inventory, EmbeddedLedger) and settings.PLACE_AT_ONCE and not connection.in_atomic_block:
        return inventory
    return None


def place_at_once(ledger: EmbeddedLedger, requests: Sequence[HoldRequest], rows: NewRows) -> AtOnce | None:
    """Hold the stock and write the rows; None when some of several holds is refused.

    Raises OperationalError or InterfaceError when the database cannot be used: the rows may be there then.
    """
    try:
        return hold_and_write(ledger, requests, rows)
    except Refused as refused:
        # Of several, each gets its own answer: the ledger asks for them apart.
        return AtOnce([refused.as_error()], written=False) if len(requests) == 1 else None


def hold_and_write(
    ledger: EmbeddedLedger, requests: Sequence[HoldRequest], rows: NewRows, *, patience: timedelta | None = None
) -> AtOnce:
    """The call itself. It waits for no lock longer than `patience`; None is as long as the settings let it.

    Raises Refused when a hold is refused, and nothing is held then; and whatever else the database raises.
    """
    call = ledger.hold_call(requests)
    longest = f"{patience.total_seconds()} seconds" if patience else None
    try:
        answered = _CALL.row(longest, *call.parameters, *rows.parameters())
    except DatabaseError as error:
        if refused := refusal_in(error):
            raise refused from error
        raise
    match answered:
        case [bytes(outcomes), bytes(valid_until), bytes(written)]:
            # As PostgreSQL writes an array of single words, a moment and a boolean.
            words = outcomes.decode().strip("{}").split(",")
            held = call.outcomes(words, datetime.fromisoformat(valid_until.decode()))
            return AtOnce(held, written == b"t")
    raise AssertionError(f"orders_place_at_once() answered {answered!r}.")
