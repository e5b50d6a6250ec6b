"""A shortcut for placing where the inventory is the ledger in our own database: hold and write in one call.

It saves a round trip, a quarter of what placing an order costs. Whatever it meets, it leaves things as
the two calls would, so the long way goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from django.conf import settings
from django.db import DatabaseError, connection

from inventory_client.client import HoldOutcome
from inventory_client.current import get_inventory
from inventory_client.ledger import EmbeddedLedger, refusal_in
from inventory_client.values import HoldRequest
from orders.operations.writing import NewRows

_CALL: Final = """
call orders_hold_and_place(
    %s::uuid[], %s::integer[], %s::integer[], %s::text[], %s::integer[], %s::interval,
    %s::json, %s::json, %s::json, %s::text[], %s::json, null, null, null
)
"""


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
    call = ledger.hold_call(requests)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_CALL, [*call.parameters, *rows.parameters()])
            outcomes, valid_until, written = cursor.fetchone()
    except DatabaseError as error:
        refusal = refusal_in(error)
        if refusal is None:
            raise
        # Of several, each gets its own answer: the ledger asks for them apart.
        return AtOnce([refusal], written=False) if len(requests) == 1 else None
    return AtOnce(call.outcomes(outcomes, valid_until), written)
