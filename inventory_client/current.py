"""Which inventory this process talks to."""

from functools import lru_cache

from django.conf import settings

from inventory_client.client import InventoryClient
from inventory_client.http import HttpInventory
from inventory_client.ledger import EmbeddedLedger


def get_inventory() -> InventoryClient:
    """The InventoryService at INVENTORY_URL, or the embedded ledger when it is empty.

    One per process and settings, so that pools, breaker and retry budget are shared by all callers.
    """
    return _inventory(
        settings.INVENTORY_URL,
        settings.INVENTORY_TOKEN,
        settings.INVENTORY_TIMEOUT_SECONDS,
        settings.HOLD_GRACE_SECONDS,
    )


@lru_cache(maxsize=8)
def _inventory(url: str, token: str, timeout_seconds: float, hold_grace_seconds: float) -> InventoryClient:
    if not url:
        return EmbeddedLedger(hold_grace_seconds=hold_grace_seconds)
    return HttpInventory(url, token=token, timeout_seconds=timeout_seconds, hold_grace_seconds=hold_grace_seconds)
