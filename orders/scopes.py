"""What an API key may do. A key's scopes are chosen when it is made."""

from django.db import models


class Scope(models.TextChoices):
    ORDERS_READ = "orders:read", "Read orders"
    ORDERS_WRITE = "orders:write", "Place and change orders"
    ORDERS_DELETE = "orders:delete", "Delete orders"
