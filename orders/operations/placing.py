"""Placing orders: hold the stock, then write everything in one statement.

    (customers) → hold → rows → `order_changed` → orders_place() → done

Whether the customers may order is asked where somebody knows (see `customers.py`).

With the embedded ledger the rows and events are made first, and hold and write are sent in one call (see
`placing_at_once.py`): receivers then hear of orders whose stock is refused after all.

An order exists only with its stock held. A process may die on any line: before the write it leaves a
hold without an order, which the sweeper releases; after it, everything is there. One order is a batch
of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from inventory_client.client import HoldOutcome
from inventory_client.current import get_inventory
from inventory_client.errors import InventoryError, ReservationReleased
from inventory_client.values import Held, HoldRequest
from orders.announcing.changes import Origin
from orders.drafts import Draft
from orders.models import Order, Storefront
from orders.operations.constraints import broken_constraint
from orders.operations.customers import WELCOME, verdicts_on
from orders.operations.holding import review_hold
from orders.operations.idempotency import Idempotency, StoredAnswer, answer_row, raise_if_answered
from orders.operations.inventory_answers import refusal_of
from orders.operations.kill_points import kill_point
from orders.operations.placing_at_once import ledger_at_hand, place_at_once
from orders.operations.placing_together import together
from orders.operations.settling import settle_order
from orders.operations.writing import NewRows, announce_new, write_new
from orders.requests.placing import NewOrder
from orders.rules import errors

_TOO_LATE: Final = "OR001"  # SQLSTATE of orders_place() when the hold may have been swept
_NUMBER_TRIES: Final = 5
_RESERVATION_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that exists now. `document` is its JSON, as the API shows it."""

    order_id: UUID
    number: str
    document: bytes


class _ReferenceTaken(Exception):
    """An external_reference of the drafts belongs to another order."""


class _Settled(Exception):
    """Some of the drafts, named by their orders' ids, are not to be placed any more."""

    def __init__(self, order_ids: set[UUID]) -> None:
        self.order_ids = order_ids
        super().__init__(f"{len(order_ids)} orders are settled already.")


Outcome = Placed | errors.OrderError
# Makes the answer to the caller; it is stored under the Idempotency-Key.
Render = Callable[[Sequence[Outcome]], StoredAnswer]
# Does in the transaction of the orders what belongs to it, and returns the ids of those that may be placed.
Claim = Callable[[Sequence[UUID]], set[UUID]]


def place_orders(
    requests: Sequence[NewOrder | errors.OrderError],
    *,
    storefront: Storefront,
    origin: Origin,
    render: Render,
    idempotency: Idempotency | None = None,
    asks_customers: bool = True,
) -> StoredAnswer:
    """Place the orders in one transaction; answer with what `render` makes of their outcomes.

    There is an outcome for each request, in their order. A request that is an error already (it could
    not be read) is its own outcome. An order that is refused does not end the others. With `asks_customers` it is
    asked first whether the customers may order.

    Raises Replay when the key came before with the same request, IdempotencyKeyReused when with
    another, and TemporarilyUnavailable when nothing was written and the caller should try again.
    """
    outcomes: dict[int, Outcome] = {}
    drafts: list[Draft] = []
    verdicts = {}
    if asks_customers:
        customer_ids = {request.customer_id for request in requests if not isinstance(request, errors.OrderError)}
        verdicts = verdicts_on(customer_ids, storefront, idempotency=idempotency, effect="No order was placed")
    for position, request in enumerate(requests):
        if isinstance(request, errors.OrderError):
            outcomes[position] = request
        elif refusal := (verdict := verdicts.get(request.customer_id, WELCOME)).refusal:
            outcomes[position] = refusal
        else:
            repeats_as = (idempotency.key, position) if idempotency else None
            try:
                holds = [review_hold()] if verdict.held_up else []
                drafts.append(Draft(position, request, storefront, origin, repeats_as=repeats_as, holds=holds))
            except errors.InvalidRequest as invalid:
                outcomes[position] = invalid

    def answer() -> StoredAnswer:
        return render([outcomes[position] for position in range(len(requests))])

    if drafts:
        place_drafts(drafts, outcomes, Answering(idempotency, answer) if idempotency else None)
    return answer()


class Answering(NamedTuple):
    """The key of the request, and what makes the answer that is stored under it."""

    key: Idempotency
    make: Callable[[], StoredAnswer]


def place_drafts(
    drafts: list[Draft], outcomes: dict[int, Outcome], answering: Answering | None = None, *, claim: Claim | None = None
) -> None:
    """Hold, then write drafts of one storefront; an outcome for each goes into `outcomes`.

    What `claim` does not let be placed has no outcome, and no stock. Raises what `place_orders` raises.
    """
    requests = [HoldRequest(draft.reservation_id, draft.units) for draft in drafts]
    kill_point("before_hold")
    at_once = None
    if claim is None and (ledger := ledger_at_hand()):
        place = together.place if settings.PLACE_TOGETHER else place_at_once
        at_once = place(ledger, requests, _rows_of(drafts, outcomes, answering))
    if at_once is None or not at_once.written:
        holds = at_once.holds if at_once else get_inventory().hold(requests)
        held = _take_up(drafts, holds, outcomes, answering)
        kill_point("after_hold")
        while held:
            try:
                with _holds_released_on_failure(held):
                    _write(held, outcomes, answering, claim)
            except _ReferenceTaken:
                held = _without_taken_references(held, outcomes)
            except _Settled as settled:
                held = _without_settled(held, outcomes, settled.order_ids)
            else:
                break
    kill_point("after_write")
    to_settle = [
        draft.order_id
        for draft in drafts
        if draft.row["stock_action"] is not None and isinstance(outcomes.get(draft.position), Placed)
    ]

    def settle() -> None:  # named, because Django tells the name of what fails
        for order_id in to_settle:
            settle_order(order_id)

    if to_settle:
        transaction.on_commit(settle, robust=True)


# --- hold --------------------------------------------------------------------------------------------


def _take_up(
    drafts: list[Draft], holds: Sequence[HoldOutcome], outcomes: dict[int, Outcome], answering: Answering | None
) -> list[Draft]:
    """Return the drafts that hold their stock; refusals go into `outcomes`.

    Only what is not a fresh hold can be a repeat, so a first request costs no look-up of its key.
    """
    for draft, answer in zip(drafts, holds, strict=True):
        draft.hold = answer if isinstance(answer, Held) else None
    if answering and any(draft.hold is None or draft.hold.joined for draft in drafts):
        with _holds_released_on_failure(drafts):
            raise_if_answered(drafts[0].storefront.pk, answering.key)
    held = []
    for draft, answer in zip(drafts, holds, strict=True):
        if draft.repeats_as and isinstance(answer, ReservationReleased):
            answer = _hold_under_next_id(draft)
        if isinstance(answer, Held):
            draft.hold = answer
            held.append(draft)
        else:
            outcomes[draft.position] = refusal_of(answer)
    return held


def _hold_under_next_id(draft: Draft) -> HoldOutcome:
    """An earlier try's hold was released before its order was written: go on to the next id of the request."""
    answer: HoldOutcome = ReservationReleased(draft.reservation_id)
    for attempt in range(1, _RESERVATION_TRIES):
        draft.take_next_reservation(attempt)
        (answer,) = get_inventory().hold([HoldRequest(draft.reservation_id, draft.units)])
        if not isinstance(answer, ReservationReleased):
            break
    return answer


@contextmanager
def _holds_released_on_failure(drafts: Sequence[Draft]) -> Iterator[None]:
    """Give the holds back when the block ends without orders; whatever stays is swept later.

    Not when the connection broke: then the orders may be there.
    """
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except (_ReferenceTaken, _Settled):
        raise
    except BaseException:
        _release(drafts)
        raise


def _release(drafts: Sequence[Draft]) -> None:
    """Release what this request alone has held. A twin may have joined since: then its touch keeps the hold, or its
    order.
    """
    for draft in drafts:
        if draft.hold is not None and not draft.hold.joined:
            held_at = draft.hold.valid_until - timedelta(seconds=settings.HOLD_GRACE_SECONDS) / 2
            stands = Order.all_objects.standing_on([draft.reservation_id])
            with suppress(InventoryError):  # the sweeper repeats it
                get_inventory().release_untouched(draft.reservation_id, before=held_at, unless=stands.exists)


# --- write -------------------------------------------------------------------------------------------


def _write(
    drafts: Sequence[Draft], outcomes: dict[int, Outcome], answering: Answering | None, claim: Claim | None
) -> None:
    """Write the drafts whole, or nothing of them.

    Raises _ReferenceTaken, _Settled, Replay, IdempotencyKeyReused or PlacementTooSlow.
    """
    storefront = drafts[0].storefront
    valid_until = min(draft.hold.valid_until for draft in drafts if draft.hold is not None)
    for _ in range(_NUMBER_TRIES):
        rows = _rows_of(drafts, outcomes, answering)
        kill_point("before_write")
        try:
            if claim is None:
                write_new(rows, valid_until=valid_until)
            else:
                _write_claimed(drafts, rows, claim, valid_until=valid_until)
        except DatabaseError as error:
            match broken_constraint(error):
                case "order_number_once":
                    for draft in drafts:
                        draft.take_new_number()
                    continue
                case "order_reference_once" | "order_reservation_once" | "orders_idempotentanswer_pkey" as rule:
                    if answering:
                        raise_if_answered(storefront.pk, answering.key)
                    if rule == "order_reference_once":
                        raise _ReferenceTaken from error
                    # The order is there, but its answer has been forgotten since: the key is an old one.
                    raise errors.IdempotencyKeyReused from error
                case _ if getattr(error.__cause__, "sqlstate", None) == _TOO_LATE:
                    raise errors.PlacementTooSlow("Writing the order took too long; nothing was placed.") from error
            raise
        return
    raise errors.PlacementTooSlow("No free order number was found; nothing was placed.")


def _write_claimed(drafts: Sequence[Draft], rows: NewRows, claim: Claim, *, valid_until: datetime) -> None:
    """Raises _Settled when some may not be placed; nothing is written then."""
    wanted = {draft.order_id for draft in drafts}
    with transaction.atomic(durable=True):
        if settled := wanted - claim(sorted(wanted)):
            raise _Settled(settled)
        write_new(rows, valid_until=valid_until)


def _rows_of(drafts: Sequence[Draft], outcomes: dict[int, Outcome], answering: Answering | None) -> NewRows:
    """The drafts' rows, as if all of them will be placed: their events, and the answer that says so."""
    storefront = drafts[0].storefront
    for draft in drafts:
        outcomes[draft.position] = Placed(draft.order_id, draft.number, draft.document)
    return NewRows(
        orders=[draft.row for draft in drafts],
        items=[item for draft in drafts for item in draft.items],
        events=[
            event
            for draft in drafts
            for event in announce_new(draft.row, draft.as_document(), storefront=storefront, origin=draft.origin)
        ],
        answers=[answer_row(storefront.pk, answering.key, answering.make())] if answering else (),
    )


def _without_taken_references(drafts: Sequence[Draft], outcomes: dict[int, Outcome]) -> list[Draft]:
    """Refuse the drafts whose external_reference is taken, give their stock back, return the others."""
    wanted = [draft.request.external_reference for draft in drafts if draft.request.external_reference]
    taken: dict[str, UUID | None] = dict(
        Order.all_objects.of_storefront(drafts[0].storefront.pk)
        .filter(external_reference__in=wanted)
        .values_list("external_reference", "pk")
    )
    free, refused = [], []
    for draft in drafts:
        reference = draft.request.external_reference
        if reference is not None and reference in taken:
            outcomes[draft.position] = errors.DuplicateReference(reference, taken[reference])
            refused.append(draft)
        else:
            free.append(draft)
            if reference is not None:
                taken[reference] = None  # the next one of this batch is the second
    _release(refused)
    return free


def _without_settled(drafts: Sequence[Draft], outcomes: dict[int, Outcome], order_ids: set[UUID]) -> list[Draft]:
    """Leave out what somebody else has settled meanwhile, and give its stock back unless that one stands on it."""
    for draft in (settled := [draft for draft in drafts if draft.order_id in order_ids]):
        outcomes.pop(draft.position, None)
    _release(settled)
    return [draft for draft in drafts if draft.order_id not in order_ids]
