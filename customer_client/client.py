"""The CustomerService as the rest of the code sees it."""

from collections.abc import Collection
from enum import StrEnum
from typing import Protocol

from remote_calls.errors import RemoteFailure


class Standing(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    UNKNOWN = "unknown"


class CustomersUnavailable(RemoteFailure):
    """The CustomerService could not be asked, or its answer says nothing of the customer."""


CustomerAnswer = Standing | CustomersUnavailable


class CustomerClient(Protocol):
    """Knows who may order. Never called while a transaction is open."""

    def ask(self, customer_ids: Collection[str], *, storefront: str) -> dict[str, CustomerAnswer]:
        """How each of them stands with the storefront of this code.

        Failures are returned, not raised, so that one customer of a batch does not end the others.
        """
