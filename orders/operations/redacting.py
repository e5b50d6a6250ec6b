"""What is told of an order, without what tells of its customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orders.reading.seen import MASKED
from orders.rules.erased import ERASED


class Redaction:
    """Of one order: in its events, and in answers that tell of it."""

    def __init__(self, order_id: UUID) -> None:
        self._order_id = str(order_id)

    def event_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """Of an event: the order after it, and what had changed."""
        changes = {name: [_cleared(name, value) for value in both] for name, both in data["changes"].items()}
        return {**data, "order": without_person(data["order"]), "changes": changes}

    def answer(self, value: Any) -> Any:
        """Of an answer, which may be about several orders, in the words of either version."""
        if isinstance(value, list):
            return [self.answer(part) for part in value]
        if not isinstance(value, dict):
            return value
        if self._order_id in (value.get("id"), value.get("orderId")):
            return without_person(value)
        return {name: self.answer(part) for name, part in value.items()}


def without_person(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _cleared(name, value) for name, value in document.items()}


def _cleared(name: str, value: Any) -> Any:
    if value is None:
        return None
    match name:
        case "customer_id" | "customerId":
            return ERASED
        case "shipments":
            return [without_person(parcel) for parcel in value]
        case "tracking_number" | "tracking_link" | "trackingNumber" | "trackingLink":
            return None
        case "tags":
            return []
        case "metadata":
            return {}
    return MASKED.get(name, value)
