"""The words of marketplaces, and what they mean here."""

from typing import Final

from orders.rules.statuses import OrderStatus

STATUS_OF: Final[dict[str, OrderStatus]] = {
    "created": OrderStatus.PENDING,
    "approved": OrderStatus.CONFIRMED,
    "processing": OrderStatus.CONFIRMED,
    "invoiced": OrderStatus.CONFIRMED,
    "shipped": OrderStatus.SHIPPED,
    "delivered": OrderStatus.COMPLETED,
    "canceled": OrderStatus.CANCELED,
    "unavailable": OrderStatus.CANCELED,  # there was no stock
}
