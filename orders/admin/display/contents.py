"""What is in a parcel or a return, and what a hold is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orders.models import Order, Return, Shipment
from orders.rules.statuses import HoldKind


def product_names(order: Order) -> dict[UUID, str]:
    """By item id."""
    return {item.pk: item.name or item.product_id for item in order.lines}


def contents_of(part: Shipment | Return) -> dict[UUID, int]:
    """Units by item id."""
    return {line.item_id: line.quantity for line in part.items.all()}


def contents_in_words(contents: Mapping[UUID, int], names: Mapping[UUID, str]) -> str:
    """2 × cup, 1 × plate."""
    return ", ".join(f"{quantity} × {names.get(item_id, 'a removed item')}" for item_id, quantity in contents.items())


def hold_label(hold: Mapping[str, Any]) -> str:
    return str(HoldKind(hold["kind"]).label)
