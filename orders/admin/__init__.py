"""The back office. Importing this package registers its pages."""

from orders.admin import (
    api_keys,
    bulk_runs,
    event_pages,
    flagged_payments,
    requested,
    reservation_pages,
    staff,
    storefronts,
    webhooks,
)
from orders.admin.orders import order_admin

__all__ = [
    "api_keys",
    "bulk_runs",
    "event_pages",
    "flagged_payments",
    "order_admin",
    "requested",
    "reservation_pages",
    "staff",
    "storefronts",
    "webhooks",
]
