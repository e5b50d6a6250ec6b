"""What a file tells that an order which is here already has not lived through yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET

from orders.importing.history import (
    PastOperation,
    Told,
    authorization_reference,
    authorizations,
    cancel_cause_of,
    capture,
    captures,
    chosen,
    refund,
    status_of,
    units_canceled,
    units_shipped,
    voids,
)
from orders.importing.lines import ImportedOrder, LeftOut
from orders.models import Order, OrderItem
from orders.requests.operations import Cancel, Deliver, Parcel, Plain, RecordPayment
from orders.requests.placing import NewItem, total_amount
from orders.rules.errors import InvalidRequest
from orders.rules.facts import IMPORTED, in_force
from orders.rules.lifecycle import Operation
from orders.rules.statuses import ConfirmationPolicy, OrderStatus, PaymentKind

_STAGES: Final = (OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.COMPLETED)
_NOT_SENT: Final = frozenset(_STAGES[:2])
_SENT: Final = frozenset(_STAGES[2:])
_MAX_ITEMS_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is still to be done with an order. Where that is nothing, `remark` tells what the file has otherwise."""

    operations: Sequence[PastOperation]
    remark: LeftOut | None = None


def ahead(told: ImportedOrder, here: Order, *, now: datetime) -> Ahead:
    """What the order has not lived through yet, in turn.

    What has no stamp in the file has happened since the last import, and is known since `now`. Nothing happens before
    what the order has lived through already. Raises InvalidRequest when the order would have to go on, and is another
    one than the file tells of.
    """
    differences = _differences(told, here)
    if differences:
        stands = f"The order is another one here than in the file: {'; '.join(differences)}."
        if _is_further(told, here):  # whose units have left, nobody can tell
            raise InvalidRequest.at("", "differs_from_order", f"{stands} It is not moved forward.")
        return Ahead([], LeftOut("differs_from_order", stands))
    at, operations = here.updated_at, []
    for operation, request, stamp in _missing(told, here):
        at = max(at, stamp or now)
        operations.append(PastOperation(operation, request, at))
    return Ahead(operations, _behind(told, here))


def _missing(told: ImportedOrder, here: Order) -> Iterator[Told]:
    history, status = told.history, status_of(told)
    # What was recorded once and taken back here is not recorded again.
    recorded = {(payment.kind, payment.psp, payment.psp_reference) for payment in here.payments.all()}
    for fact in (*_authorized(told, here), *_captured(told, here)):
        if (fact.kind, fact.psp, fact.psp_reference) not in recorded:
            yield Operation.RECORD_PAYMENT, fact, fact.occurred_at
    items = _matched(told, here)
    item_ids = [item.pk for item in items]
    canceled = [max(0, count - item.canceled) for item, count in zip(items, units_canceled(told), strict=True)]
    shipped = _units_to_ship(told, items, canceled)
    counts = zip(items, canceled, shipped, strict=True)
    left = [item.open - ended - sent for item, ended, sent in counts] or [item.open for item in here.lines]
    gone_here = here.status == OrderStatus.CANCELED and any(units_shipped(told))  # which the operation refuses
    if here.status == OrderStatus.PENDING and (any(shipped) or status in _STAGES[1:]):
        yield Operation.CONFIRM, Plain(), history.approved_at
    if any(canceled):
        yield Operation.CANCEL, Cancel(cause=cancel_cause_of(told), items=chosen(item_ids, canceled)), None
    if any(shipped) or gone_here:
        part = chosen(item_ids, shipped) if any(left) else UNSET
        yield Operation.SHIP, Parcel(shipped_at=history.shipped_at, items=part), history.shipped_at
    on_its_way = any(parcel.shipped_at and not parcel.delivered_at for parcel in here.shipments.all())
    if history.delivered_at is not None and (any(shipped) or on_its_way):
        yield Operation.DELIVER, Deliver(delivered_at=history.delivered_at), history.delivered_at
    if status is OrderStatus.COMPLETED and here.status != OrderStatus.COMPLETED:
        yield Operation.COMPLETE, Plain(), history.delivered_at
    if status is OrderStatus.CANCELED and any(left):
        yield Operation.CANCEL, Cancel(cause=cancel_cause_of(told)), history.canceled_at
    for fact in _given_up_or_back(told, here):
        if (fact.kind, fact.psp, fact.psp_reference) not in recorded:
            yield Operation.RECORD_PAYMENT, fact, fact.occurred_at


def _units_to_ship(told: ImportedOrder, items: Sequence[OrderItem], canceled: Sequence[int]) -> list[int]:
    """Where the file does not count the units of an item, all that are open here have left with the order."""
    counted = told.history.items
    units = []
    for position, (item, count) in enumerate(zip(items, units_shipped(told), strict=True)):
        missing = count - item.shipped
        if not (counted and counted[position].shipped is not None):
            missing = min(missing, item.open - canceled[position])
        units.append(max(0, missing))
    return units


def _authorized(told: ImportedOrder, here: Order) -> Iterator[RecordPayment]:
    """Unless anybody has recorded an authorization, or the money itself."""
    if here.captured_amount == 0 and not _has(here, PaymentKind.AUTHORIZATION):
        yield from authorizations(told)


def _captured(told: ImportedOrder, here: Order) -> Iterator[RecordPayment]:
    """What was paid beyond what is recorded here, by whichever provider, of what the file had authorized."""
    paid = told.to_be_paid if told.history.approved_at is not None else 0
    known = any(
        (fact.psp, fact.psp_reference) == (IMPORTED, authorization_reference(told)) for fact in here.payments.all()
    )
    if paid <= here.captured_amount:
        return
    if here.captured_amount:
        facts = [capture(told, paid - here.captured_amount, f"captured/{paid}")]
    else:
        facts = list(captures(told))
    for fact in facts:
        yield msgspec.structs.replace(fact, parent_reference=authorization_reference(told)) if known else fact


def _given_up_or_back(told: ImportedOrder, here: Order) -> Iterator[RecordPayment]:
    """The void of what was authorized, and what was refunded beyond what is recorded here."""
    promised = here.authorized_amount > here.captured_amount or any(True for _ in _authorized(told, here))
    if promised and not _has(here, PaymentKind.VOID):
        yield from voids(told)
    if told.history.refunded_amount > here.refunded_amount:
        yield refund(told, told.history.refunded_amount - here.refunded_amount)


def _has(here: Order, kind: PaymentKind) -> bool:
    return any(fact.kind == kind for fact in in_force(payment.fact for payment in here.payments.all()))


def _differences(told: ImportedOrder, here: Order) -> list[str]:
    """In words; of an order without items nothing is known that could differ."""
    if not told.items:
        return []
    found = []
    theirs, ours = sorted(map(_kind_of, told.items)), sorted(map(_kind_of, here.lines))
    if theirs != ours:
        found.append(f"its items are {_in_words(ours)} here, and {_in_words(theirs)} in the file")
    total = total_amount(told)
    if total != here.total_amount:
        found.append(f"its total is {here.total_amount} here, and {total} in the file")
    if told.currency and here.currency and told.currency != here.currency:
        found.append(f"its currency is {here.currency} here, and {told.currency} in the file")
    return found


def _matched(told: ImportedOrder, here: Order) -> list[OrderItem]:
    """The order's items as the file has them, in the file's order, which may be another one each time.

    Of items that are alike, the one that came further here is the one that came further in the file.
    """
    ended = zip(
        map(_kind_of, told.items), units_shipped(told), units_canceled(told), range(len(told.items)), strict=True
    )
    positions = [position for *_, position in sorted(ended)]
    ours = sorted(here.lines, key=lambda item: (_kind_of(item), item.shipped, item.canceled))
    pairs = zip(positions, ours, strict=bool(told.items))
    return [item for _, item in sorted(pairs, key=lambda pair: pair[0])]


def _kind_of(item: NewItem | OrderItem) -> tuple[str, int, int]:
    """Items that are alike in this are the same; an amount that nobody knows is told from every other."""
    return item.product_id, item.quantity, -1 if item.line_amount is None else item.line_amount


def _in_words(kinds: Sequence[tuple[str, int, int]]) -> str:
    told = [f"{quantity} {product}" + (f" for {amount}" if amount >= 0 else "") for product, quantity, amount in kinds]
    more = [f"{len(told) - _MAX_ITEMS_TOLD} more"] if len(told) > _MAX_ITEMS_TOLD else []
    return ", ".join([*told[:_MAX_ITEMS_TOLD], *more])


def _is_further(told: ImportedOrder, here: Order) -> bool:
    status, paid = status_of(told), told.to_be_paid if told.history.approved_at is not None else 0
    if paid > here.captured_amount or told.history.refunded_amount > here.refunded_amount:
        return True
    if status is OrderStatus.CANCELED:
        return here.status in _NOT_SENT
    if here.status == OrderStatus.CANCELED:
        return status in _SENT
    return _STAGES.index(status) > _STAGES.index(OrderStatus(here.status))


def _behind(told: ImportedOrder, here: Order) -> LeftOut | None:
    """The file is older, or contradicts what has become of the order here."""
    status = status_of(told)
    if status == here.status:
        return None
    if status is OrderStatus.CANCELED:
        is_behind = sum(item.shipped for item in here.lines) > sum(units_shipped(told))
    elif here.status == OrderStatus.CANCELED:
        is_behind = True
    else:
        is_behind = _STAGES.index(status) < _STAGES.index(OrderStatus(here.status))
        by_policy = here.storefront.confirmation_policy != ConfirmationPolicy.MANUAL
        if by_policy and here.status == OrderStatus.CONFIRMED:
            is_behind = False  # it was confirmed because it was paid, which the file does not call that
    if not is_behind:
        return None
    return LeftOut("not_moved_back", f"It is {here.status} here, and {status} in the file: nothing is moved back.")
