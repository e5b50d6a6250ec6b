"""What the payment provider did, told by an event."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from msgspec import Struct

from events.inbox.envelope import Incoming
from events.inbox.handlers import Refused, handles
from orders.incoming.doing import do, told
from orders.models import Order
from orders.requests.fields import Currency, Identifier100, Identifier200, Moment, MovedAmount, Text40, Text100
from orders.requests.operations import RecordPayment
from orders.rules.lifecycle import Operation
from orders.rules.statuses import PaymentKind

_KINDS: Final = {
    "payment.authorized": PaymentKind.AUTHORIZATION,
    "payment.captured": PaymentKind.CAPTURE,
    "payment.voided": PaymentKind.VOID,
    "payment.refunded": PaymentKind.REFUND,
    "payment.refund_failed": PaymentKind.REFUND_FAILED,
    "payment.charged_back": PaymentKind.CHARGEBACK,
    "payment.chargeback_won": PaymentKind.CHARGEBACK_WON,
}


class Payment(Struct, frozen=True, kw_only=True):
    """The order by its id, or by storefront and number; the rest as `record_payment` takes it."""

    amount: MovedAmount
    psp_reference: Identifier200
    order_id: UUID | None = None
    storefront: Text100 | None = None
    number: Identifier100 | None = None
    psp: Text40 = ""
    currency: Currency | None = None
    occurred_at: Moment | None = None
    refund_id: UUID | None = None
    parent_reference: Identifier200 | None = None


class NoSuchOrder(LookupError):
    """There is no such order, or not yet."""


@handles(*_KINDS, in_any_order=True)
def record_payment(event: Incoming) -> None:
    """Facts are recorded whichever comes first; the same one told by another event is no change."""
    payment = told(event, Payment)
    request = RecordPayment(
        kind=_KINDS[event.type],
        amount=payment.amount,
        psp_reference=payment.psp_reference,
        psp=payment.psp,
        currency=payment.currency,
        occurred_at=payment.occurred_at or event.time,
        refund_id=payment.refund_id,
        parent_reference=payment.parent_reference,
    )
    do(Operation.RECORD_PAYMENT, payment.order_id or _order_id(payment), request, event=event)


def _order_id(payment: Payment) -> UUID:
    if payment.storefront is None or payment.number is None:
        raise Refused("The event names no order: give its order_id, or its storefront and number.")
    orders = Order.all_objects.filter(storefront__code=payment.storefront, number=payment.number)
    order_id: UUID | None = orders.values_list("pk", flat=True).first()
    if order_id is None:
        raise NoSuchOrder(f"The storefront {payment.storefront!r} has no order {payment.number!r}.")
    return order_id
