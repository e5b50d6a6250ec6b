"""Who gets which events: each consumer is a queue of its own with a dead-letter queue. This is a file to edit.

The types stand in docs/events.md. Behind the topic is a FIFO queue: an order's events come in order, and repeats within
five minutes are dropped. Behind the bus there is no order: go by `sequence` and `id`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Consumer:
    """`types` are those of the events that it gets."""

    name: str
    types: tuple[str, ...]


ALL_TYPES: Final = ("order.created", "order.updated", "order.deleted", "order.restored", "order.rejected")

# Behind the SNS topic, in order.
IN_ORDER: Final = (
    Consumer("fulfilment", ("order.created", "order.updated", "order.deleted", "order.restored")),
    # Whoever asks for orders by events is told here what became of them.
    Consumer("checkout", ("order.created", "order.rejected")),
)

# Behind the EventBridge bus.
BY_RULE: Final = (Consumer("analytics", ALL_TYPES),)
