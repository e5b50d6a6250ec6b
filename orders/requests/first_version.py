"""The bodies of the first version's calls, in its camelCase."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from inventory_client.wire import IDENTIFIER_PATTERN, ProductId
from orders.requests.fields import LINK_PATTERN, Identifier200, Quantity
from orders.requests.placing import NewItem, NewOrder
from orders.rules.limits import MAX_ITEMS

# As `Text100`, `Identifier100` and `TrackingLink`, or empty.
OptionalText = Annotated[str, Meta(max_length=100)]
OptionalIdentifier = Annotated[str, Meta(max_length=100, pattern=f"^$(?!\\n)|{IDENTIFIER_PATTERN}")]
OptionalLink = Annotated[str, Meta(max_length=500, pattern=f"^$(?!\\n)|{LINK_PATTERN}")]


class FirstVersionItem(Struct, forbid_unknown_fields=True, frozen=True, rename="camel"):
    product_id: ProductId
    quantity: Quantity


class FirstVersionNewOrder(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, rename="camel"):
    """The body of `POST /order/create`."""

    customer_id: Identifier200
    items: Annotated[list[FirstVersionItem], Meta(min_length=1, max_length=MAX_ITEMS)]

    def as_new_order(self) -> NewOrder:
        return NewOrder(
            customer_id=self.customer_id,
            items=[NewItem(product_id=item.product_id, quantity=item.quantity) for item in self.items],
        )


class FirstVersionUpdate(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, rename="camel"):
    """The body of `PUT /order/update/{id}`; null and the empty text are as good as absent."""

    tracking_company: OptionalText | UnsetType | None = UNSET
    tracking_number: OptionalIdentifier | UnsetType | None = UNSET
    tracking_link: OptionalLink | UnsetType | None = UNSET
    status: Annotated[str, Meta(description="In any case")] | UnsetType | None = UNSET

    def given(self, name: str) -> str | None:
        """The text of a field; None when it is absent, null or empty."""
        value = getattr(self, name)
        return None if value is UNSET else value or None
