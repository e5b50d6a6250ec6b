"""Other items than were ordered: new stock is held before it is promised, freed stock released afterwards.

    note the intent → hold what is more (no lock, no transaction) → lock again, check again, write → adjust

The intent is a new `stock_revision` with `stock_action` "adjust": wherever the process dies, the sweeper
makes the reservation exactly the order's units again. Whoever claims a later revision meanwhile wins, and
the amendment begins anew.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from inventory_client.current import get_inventory
from inventory_client.errors import ReservationMismatch, ReservationReleased
from inventory_client.values import Held, HoldRequest
from orders.operations.amendment import Amendment
from orders.operations.call import Call, Document
from orders.operations.changed_rows import note_stock_action
from orders.operations.idempotency import Replay
from orders.operations.inventory_answers import refusal_of
from orders.operations.kill_points import kill_point
from orders.operations.locked_order import LockedOrder, locked_order
from orders.operations.refunds import instructions_for_what_is_over
from orders.operations.settling import settle_order
from orders.requests.operations import Amend
from orders.rules import errors
from orders.rules.lifecycle import Operation
from orders.rules.statuses import OrderStatus

_TRIES: Final = 5


def amend_items(order_id: UUID, request: Amend, *, call: Call) -> Document:
    """Add, remove or change items of which nothing has been shipped. Amounts are summed up anew.

    Raises ItemShipped, NoItemsLeft, UnknownPart, TotalsMismatch, InvalidRequest, and for more stock than
    there is OutOfStock or UnknownProducts: then order and reservation are as they were.
    """
    for _ in range(_TRIES):
        answer = _amend_or_claim(order_id, request, call)
        if isinstance(answer, dict):
            return answer
        kill_point("before_amend_hold")
        try:
            if not _hold(answer):
                continue  # somebody else has claimed the reservation since
            kill_point("after_amend_hold")
            document = _amend(order_id, request, call, held=answer)
        except (errors.OrderError, Replay):
            settle_order(order_id)
            raise
        if document is not None:
            return document
        settle_order(order_id)
    raise errors.OrderBusy(order_id)


def _amend_or_claim(order_id: UUID, request: Amend, call: Call) -> Document | HoldRequest:
    """Amend at once where no more stock is needed; otherwise note the intent.

    Returns what is to be held: as many units of each product as before or after, whichever is more, so that
    neither order is left without its stock.
    """
    with locked_order(order_id, Operation.AMEND, call) as locked:
        order = locked.order
        before = order.stock_units()
        amended = Amendment(order, request)
        if not amended.changes_anything:
            return locked.unchanged()
        after = order.stock_units()
        more = any(units > before.get(product, 0) for product, units in after.items())
        reservation_id = order.reservation_id
        if more and reservation_id is None:
            raise errors.NoStockHeld()
        if not more or reservation_id is None or call.rehearsal is not None:
            amended.write(call)
            if before != after:
                order.stock_changed()
            return _end(locked)
        order.stock_changed()
        note_stock_action(order)
        units = {product: max(before.get(product, 0), after.get(product, 0)) for product in {**before, **after}}
        return HoldRequest(reservation_id, units, order.stock_revision, order.shipped_units())


def _hold(request: HoldRequest) -> bool:
    """Tell whether the stock is held now. Raises what the inventory refuses it for."""
    (answer,) = get_inventory().hold([request])
    if isinstance(answer, Held):
        return True
    if isinstance(answer, ReservationMismatch | ReservationReleased):
        return False
    raise refusal_of(answer, effect="The order is as it was")


def _amend(order_id: UUID, request: Amend, call: Call, *, held: HoldRequest) -> Document | None:
    """Write what is held now; None when the reservation was claimed by another change meanwhile."""
    with locked_order(order_id, Operation.AMEND, call) as locked:
        order = locked.order
        if order.stock_revision != held.revision:
            return None
        Amendment(order, request).write(call)
        if order.status == OrderStatus.PENDING and order.stock_units() == held.lines:
            order.stock_action = None  # the reservation is just that already
        else:
            order.stock_changed()
        return _end(locked)


def _end(locked: LockedOrder) -> Document:
    """What is kept beyond what is due now goes back; what covers it now confirms the order."""
    instructions = instructions_for_what_is_over(locked)
    locked.order.confirm_by_policy()
    return locked.commit(instructions=instructions)
