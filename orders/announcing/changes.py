"""A change of an order on its way to being committed, and who made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from events.outbox import NewEvent


@dataclass(frozen=True, slots=True)
class Origin:
    """Who did it, why, and in which request.

    `actor` reads `key:<prefix>`, `staff:<username>` or `system:<command>`.
    """

    actor: str
    reason: str = ""
    request_id: str = ""
    trace: str = ""


@dataclass(slots=True)
class Change:
    """What receivers of `order_changed` are told.

    `type` is the event's name (`order.created` …), `operation` what was done: "place", or one of
    `lifecycle.py`. `document` is the order after the change, as the API shows it; `before` and `after` hold the
    fields that changed. `instructions` is what others are to do now, such as a refund to be paid out.
    `cause` is why units were canceled, as a `CancelReason`.
    Receivers append to `events`; they are written in the transaction of the change.
    """

    type: str
    operation: str
    order_id: UUID
    storefront_id: int
    storefront_code: str
    version: int
    occurred_at: datetime
    document: Mapping[str, Any]
    origin: Origin
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    instructions: Sequence[Mapping[str, Any]] = ()
    cause: str | None = None
    events: list[NewEvent] = field(default_factory=list)
