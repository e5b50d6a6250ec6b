"""What a canceled order was before the cancellation that ended it, as its events tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from orders.models import Order
from orders.models.payments import NOT_AGREED
from orders.reading.history import order_before
from orders.rules.statuses import OrderStatus, RefundState


class Earlier(NamedTuple):
    """What was canceled of each item then, ids of the credits and refunds there were (and of those that nobody
    had agreed to), and what had been refunded: for each refund, and in all."""

    canceled: Mapping[UUID, int]
    credits: Collection[UUID] = ()
    refunds: Collection[UUID] = ()
    not_agreed: Collection[UUID] = ()
    settled: Mapping[UUID, int] = MappingProxyType({})
    refunded: int = 0
    was_confirmed: bool = False


def before_it_ended(order: Order) -> Earlier:
    """Of one that came canceled, by an import, nothing was canceled before."""
    document = order_before(OrderStatus.CANCELED, order.pk, storefront_id=order.storefront_id)
    if document is None:
        return Earlier({item.pk: 0 for item in order.lines})
    return Earlier(
        {UUID(item["id"]): item["canceled"] for item in document["items"]},
        [UUID(credit["id"]) for credit in document.get("credits", [])],
        [UUID(refund["id"]) for refund in document["refunds"]],
        [UUID(refund["id"]) for refund in document["refunds"] if refund["state"] in NOT_AGREED],
        {UUID(refund["id"]): _settled(refund) for refund in document["refunds"]},
        document["refunded_amount"],
        document["status"] == OrderStatus.CONFIRMED,
    )


def refunded_since(order: Order) -> int:
    """What has been paid out since then: for any refund, and for none in particular.

    What has failed of one says nothing of the others.
    """
    earlier = before_it_ended(order)
    settled = {refund.pk: refund.settled_amount for refund in order.parts.refunds}
    for_refunds = sum(max(0, amount - earlier.settled.get(refund_id, 0)) for refund_id, amount in settled.items())
    for_none = order.refunded_amount - sum(settled.values())
    for_none_then = earlier.refunded - sum(earlier.settled.values())
    return for_refunds + max(0, for_none - for_none_then)


def _settled(refund: Mapping[str, Any]) -> int:
    """Documents of earlier releases do not tell it."""
    amount: int = refund.get("settled_amount", refund["amount"] if refund["state"] == RefundState.SETTLED else 0)
    return amount
