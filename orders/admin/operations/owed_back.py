"""What is to be given back for a return that was received, or for a cancellation."""

from __future__ import annotations

from collections.abc import Iterator

from orders.admin.display.contents import contents_in_words, product_names
from orders.models import Credit, Order, Return
from orders.operations.refunds import left_of_credit, left_of_return
from orders.rules.statuses import CreditCause, ReturnState


def owed_back(order: Order) -> Iterator[tuple[Return | Credit, int]]:
    """Returns that were received and cancellations, the latest first, with what is owed for each of them still.

    All of them together are never owed more than is kept beyond what is due.
    """
    owed = order.overpaid_amount
    returns = [found for found in order.parts.returns if found.state == ReturnState.RECEIVED]
    canceled = [found for found in order.parts.credits if found.cause == CreditCause.CANCELED and found.amount > 0]
    left: list[tuple[Return | Credit, int]] = [(found, left_of_return(order, found)) for found in returns]
    left += [(found, left_of_credit(order, found)) for found in canceled]
    for found, amount in sorted(left, key=lambda pair: pair[0].pk, reverse=True):
        if part := min(amount, owed):
            owed -= part
            yield found, part


def described(part: Return | Credit, order: Order) -> str:
    """2 × cup came back."""
    names = product_names(order)
    if isinstance(part, Return):
        units = {line.item_id: line.received for line in part.items.all() if line.received}
        return f"{contents_in_words(units, names)} came back: {part.get_cause_display().lower()}"
    units = {line.item_id: line.quantity for line in part.parts if line.quantity}
    shipping = " with the shipping" if part.shipping_amount else ""
    return f"{contents_in_words(units, names) or 'Units'} canceled{shipping}"
