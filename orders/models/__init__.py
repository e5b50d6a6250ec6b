"""Storefronts and all that belongs to their orders. Only `orders.operations` writes orders and their parts."""

from orders.models.answers import IdempotentAnswer
from orders.models.credits import Credit
from orders.models.items import OrderItem
from orders.models.orders import Order
from orders.models.payments import PaymentRecord, Refund
from orders.models.returns import Return, ReturnItem
from orders.models.shipments import Shipment, ShipmentItem
from orders.models.sign_ins import FailedSignIns
from orders.models.storefronts import ApiKey, Carrier, Storefront
from orders.models.upkeep import UpkeepFailure

__all__ = [
    "ApiKey",
    "Carrier",
    "Credit",
    "FailedSignIns",
    "IdempotentAnswer",
    "Order",
    "OrderItem",
    "PaymentRecord",
    "Refund",
    "Return",
    "ReturnItem",
    "Shipment",
    "ShipmentItem",
    "Storefront",
    "UpkeepFailure",
]
