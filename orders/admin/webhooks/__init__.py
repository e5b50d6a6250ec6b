"""Webhook endpoints: listed in `endpoint_admin.py`, changed in `changing.py`; what they are sent: `deliveries.py`.

What all of them did not take: `failed_deliveries.py`.
"""

from orders.admin.webhooks import endpoint_admin as endpoint_admin
from orders.admin.webhooks import failed_deliveries as failed_deliveries
