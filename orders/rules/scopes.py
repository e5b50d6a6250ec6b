"""What an API key may do. A key gets its scopes when it is made; `lifecycle.py` says which operation needs which."""

from django.db import models


class Scope(models.TextChoices):
    ORDERS_READ = "orders:read", "Read orders"
    CUSTOMERS_READ = "customers:read", "See contact, addresses and note of the orders it reads"
    CUSTOMERS_ERASE = "customers:erase", "Export and erase all there is about a customer"
    ORDERS_WRITE = "orders:write", "Place, confirm, change, hold and cancel orders"
    ORDERS_DELETE = "orders:delete", "Delete and restore orders"
    SHIPMENTS_WRITE = "shipments:write", "Pack, ship, track and deliver; complete orders"
    PAYMENTS_WRITE = "payments:write", "Record what the payment provider did"
    REFUNDS_WRITE = "refunds:write", "Request refunds"
    REFUNDS_APPROVE = "refunds:approve", "Approve and reject refunds"
    RETURNS_WRITE = "returns:write", "Request, decide and receive returns"
    WEBHOOKS_WRITE = "webhooks:write", "Manage webhook endpoints, and read what they were sent"
