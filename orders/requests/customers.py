"""What is asked about a customer as a whole."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from orders.requests.fields import Identifier200, Reason


class ExportCustomer(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The customer as the storefront knows them; `after` is the `next` of the page before."""

    customer_id: Identifier200
    after: UUID | None = None


class EraseCustomer(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The customer as the storefront knows them; `reason` is told with the events of the erasure."""

    customer_id: Identifier200
    reason: Reason = ""
