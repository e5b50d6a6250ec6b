"""Whom this process asks about customers."""

from functools import lru_cache

from django.conf import settings

from customer_client.client import CustomerClient
from customer_client.http import HttpCustomers
from customer_client.listed import ListedCustomers


def get_customers() -> CustomerClient | None:
    """The CustomerService at CUSTOMER_URL; without one, the list of INVALID_CUSTOMERS; without that, nobody.

    One per process and settings, so that answers, pool, breaker and retry budget are shared by all callers.
    """
    if settings.CUSTOMER_URL:
        return _http_customers(
            settings.CUSTOMER_URL,
            settings.CUSTOMER_TOKEN,
            settings.CUSTOMER_TIMEOUT_SECONDS,
            settings.CUSTOMER_CACHE_SECONDS,
        )
    return ListedCustomers(settings.INVALID_CUSTOMERS) if settings.INVALID_CUSTOMERS else None


@lru_cache(maxsize=8)
def _http_customers(url: str, token: str, timeout_seconds: float, cache_seconds: float) -> HttpCustomers:
    return HttpCustomers(url, token=token, timeout_seconds=timeout_seconds, cache_seconds=cache_seconds)
