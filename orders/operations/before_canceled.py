"""What a canceled order was before the cancellation that ended it, as its events tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

from orders.models import Order
from orders.reading.history import change_to, order_at
from orders.rules.statuses import OrderStatus, RefundState


class Earlier(NamedTuple):
    """What was canceled of each item then, ids of the credits and refunds there were (and of those that waited
    for approval), and what had been refunded."""

    canceled: Mapping[UUID, int]
    credits: Collection[UUID] = ()
    refunds: Collection[UUID] = ()
    waiting_refunds: Collection[UUID] = ()
    refunded: int = 0
    was_confirmed: bool = False


def before_it_ended(order: Order) -> Earlier:
    """Of one that came canceled, by an import, nothing was canceled before."""
    ended = change_to(OrderStatus.CANCELED, order.pk, storefront_id=order.storefront_id)
    document = None if ended is None else order_at(order.pk, ended.sequence - 1, storefront_id=order.storefront_id)
    if document is None:
        return Earlier({item.pk: 0 for item in order.lines})
    return Earlier(
        {UUID(item["id"]): item["canceled"] for item in document["items"]},
        [UUID(credit["id"]) for credit in document.get("credits", [])],
        [UUID(refund["id"]) for refund in document["refunds"]],
        [UUID(refund["id"]) for refund in document["refunds"] if refund["state"] == RefundState.REQUESTED],
        document["refunded_amount"],
        document["status"] == OrderStatus.CONFIRMED,
    )
