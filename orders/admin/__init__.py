"""The back office. Importing this package registers its pages."""

from orders.admin import api_keys, event_pages, staff, storefronts, webhooks
from orders.admin.orders import order_admin

__all__ = ["api_keys", "event_pages", "order_admin", "staff", "storefronts", "webhooks"]
