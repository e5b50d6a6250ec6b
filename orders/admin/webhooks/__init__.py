"""Webhook endpoints: listed in `endpoint_admin.py`, changed in `changing.py`; what they are sent: `deliveries.py`."""

from orders.admin.webhooks import endpoint_admin as endpoint_admin
