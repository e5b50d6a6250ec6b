"""Words about an order, for those who work on it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from orders.operations.call import Call, Document
from orders.operations.locked_order import locked_order
from orders.requests.operations import Comment
from orders.rules.lifecycle import Operation


def comment_order(order_id: UUID, request: Comment, *, call: Call) -> Document:
    """Write a comment into the order's timeline; nothing else of the order changes.

    It stands where reasons stand: beside the event log, out of which an erasure could not take it.
    """
    words = "\n".join(filter(None, (request.text, call.reason)))
    with locked_order(order_id, Operation.COMMENT, replace(call, reason=words)) as locked:
        return locked.commit()
