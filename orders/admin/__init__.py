"""The back office. Importing this package registers its pages."""

from orders.admin import api_keys, event_pages, orders, staff, storefronts

__all__ = ["api_keys", "event_pages", "orders", "staff", "storefronts"]
