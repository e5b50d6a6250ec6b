"""Storefronts and all that belongs to their orders. Only `orders.operations` writes orders and their parts."""

from orders.models.answers import IdempotentAnswer
from orders.models.bulk_runs import BulkRun, BulkRunOrder
from orders.models.claims import Claim, Looking
from orders.models.credits import Credit
from orders.models.items import OrderItem
from orders.models.kept_forms import KeptForm
from orders.models.orders import Order
from orders.models.payments import PaymentRecord, Refund
from orders.models.requested import RequestedOrder
from orders.models.returns import Return, ReturnItem
from orders.models.sales_days import SalesDay, SalesProgress
from orders.models.saved_views import ListColumns, SavedView
from orders.models.shipments import Shipment, ShipmentItem
from orders.models.sign_ins import FailedSignIns
from orders.models.staff_settings import StaffSettings
from orders.models.storefronts import ApiKey, Carrier, Storefront
from orders.models.upkeep import UpkeepFailure

__all__ = [
    "ApiKey",
    "BulkRun",
    "BulkRunOrder",
    "Carrier",
    "Claim",
    "Credit",
    "FailedSignIns",
    "IdempotentAnswer",
    "KeptForm",
    "ListColumns",
    "Looking",
    "Order",
    "OrderItem",
    "PaymentRecord",
    "Refund",
    "RequestedOrder",
    "Return",
    "ReturnItem",
    "SalesDay",
    "SalesProgress",
    "SavedView",
    "Shipment",
    "ShipmentItem",
    "StaffSettings",
    "Storefront",
    "UpkeepFailure",
]
