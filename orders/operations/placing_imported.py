"""Placing orders of an import anew, each with its stock held."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec

from orders.announcing.changes import Origin
from orders.importing.lines import NOTHING_SOLD, ImportedOrder
from orders.models import Storefront
from orders.operations.call import Call
from orders.operations.idempotency import Idempotency, Replay, StoredAnswer
from orders.operations.known_orders import ImportOutcome, ImportResult, existing, storefronts_of
from orders.operations.placing import Outcome, place_orders
from orders.rules import errors

_MAX_PLACED_AT_ONCE: Final = 100
_TRIES: Final = 10


def place_imported_orders(orders: Sequence[ImportedOrder], *, call: Call) -> list[ImportOutcome]:
    """Place the orders now, each with its stock held. An outcome for each, in their order.

    Storefronts that are missing are created. An import that was killed after holding stock joins its
    holds when the same orders come again in the same company.
    """
    storefronts = storefronts_of(orders, by=call.caller.actor)
    outcomes: dict[int, ImportOutcome] = {}
    by_storefront: dict[str, list[int]] = defaultdict(list)
    for position, order in enumerate(orders):
        by_storefront[order.storefront].append(position)
    for code, positions in by_storefront.items():
        for start in range(0, len(positions), _MAX_PLACED_AT_ONCE):
            part = positions[start : start + _MAX_PLACED_AT_ONCE]
            found = _place([orders[position] for position in part], storefronts[code], call.origin)
            outcomes |= zip(part, found, strict=True)
    return [outcomes[position] for position in range(len(orders))]


def _place(orders: Sequence[ImportedOrder], storefront: Storefront, origin: Origin) -> list[ImportOutcome]:
    """Place what is not there yet; the orders are of one storefront."""
    outcomes: dict[int, ImportOutcome] = {}
    for _ in range(_TRIES):
        taken = existing((storefront.pk, order.external_reference) for order in orders)
        for position, order in enumerate(orders):
            if (storefront.pk, order.external_reference) in taken:
                outcomes.setdefault(position, ImportResult.SKIPPED)
            elif not order.items:
                outcomes.setdefault(position, NOTHING_SOLD)
        missing = [position for position in range(len(orders)) if position not in outcomes]
        if not missing:
            break
        try:
            found = _placed_now([orders[position] for position in missing], storefront, origin)
        except Replay:  # another import has placed them meanwhile: look which
            continue
        except errors.OrderError as refusal:
            found = [refusal] * len(missing)
        outcomes |= zip(missing, map(_result_of, found), strict=True)
        break
    for position in range(len(orders)):
        outcomes.setdefault(position, errors.OrderBusy())
    return [outcomes[position] for position in range(len(orders))]


def _placed_now(orders: Sequence[ImportedOrder], storefront: Storefront, origin: Origin) -> list[Outcome]:
    """The key is made of the orders themselves, so a repeat after a crash joins the stock it has held."""
    digest = hashlib.sha256(msgspec.json.encode(orders)).hexdigest()
    outcomes: list[Outcome] = []

    def render(found: Sequence[Outcome]) -> StoredAnswer:
        outcomes[:] = found
        return StoredAnswer(200, b"{}")

    place_orders(
        orders,
        storefront=storefront,
        origin=origin,
        render=render,
        idempotency=Idempotency(f"import:{digest}", digest),
        asks_customers=False,
    )
    return outcomes


def _result_of(outcome: Outcome) -> ImportOutcome:
    match outcome:
        case errors.DuplicateReference():
            return ImportResult.SKIPPED
        case errors.OrderError():
            return outcome
        case _:
            return ImportResult.PLACED
