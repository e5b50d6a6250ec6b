"""The bodies of the first version's calls, in its camelCase."""

from __future__ import annotations

from collections import Counter
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from inventory_client.wire import IDENTIFIER_PATTERN, ProductId
from orders.requests.fields import LINK_PATTERN, Identifier200, Quantity
from orders.requests.placing import NewItem, NewOrder
from orders.rules.limits import MAX_ITEMS

# As `Text100`, `Identifier100` and `TrackingLink`, or empty.
OptionalText = Annotated[str, Meta(max_length=100)]
OptionalIdentifier = Annotated[str, Meta(max_length=100, pattern=f"^$(?!\\n)|{IDENTIFIER_PATTERN}")]
OptionalCustomer = Annotated[str, Meta(max_length=200, pattern=f"^$(?!\\n)|{IDENTIFIER_PATTERN}")]
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


class FirstVersionKnownItem(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, rename="camel"):
    """An item of an order as it was read, or as it was placed."""

    product_id: ProductId
    quantity: Quantity
    id: UUID | UnsetType = UNSET
    order_id: UUID | UnsetType = UNSET
    reserved: bool | UnsetType = UNSET


KnownItems = Annotated[
    list[FirstVersionKnownItem],
    Meta(
        max_length=MAX_ITEMS,
        description="As the order has them, in any order; other ones are refused. `POST /api/v1/orders/{id}/amend` "
        "changes them.",
    ),
]


class FirstVersionUpdate(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, rename="camel"):
    """The body of `PUT /order/update/{id}`, perhaps the whole order; null and the empty text are as good as absent."""

    order_id: Annotated[str, Meta(description="That of the path")] | UnsetType | None = UNSET
    customer_id: OptionalCustomer | UnsetType | None = UNSET
    items: KnownItems | UnsetType | None = UNSET
    tracking_company: OptionalText | UnsetType | None = UNSET
    tracking_number: OptionalIdentifier | UnsetType | None = UNSET
    tracking_link: OptionalLink | UnsetType | None = UNSET
    status: Annotated[str, Meta(description="In any case")] | UnsetType | None = UNSET

    def given(self, name: str) -> str | None:
        """The text of a field; None when it is absent, null or empty."""
        value = getattr(self, name)
        return None if value is UNSET else value or None

    def units(self) -> Counter[tuple[str, int]] | None:
        """Which items it says the order has: product and quantity of each, and how often they stand there."""
        if self.items is UNSET or self.items is None:
            return None
        return Counter((item.product_id, item.quantity) for item in self.items)
