"""What a storefront sends to place orders: each field, and what spans fields.

msgspec structs rather than serializers, because placing is the hot path; the OpenAPI document is made
from the same structs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec
from django_countries import countries
from msgspec import UNSET, Meta, Struct, UnsetType

from inventory_client.wire import ProductId
from orders.requests.cleaned import ADDRESS, CONTACT, CURRENCY, clean
from orders.requests.fields import (
    Amount,
    Country,
    Currency,
    Email,
    Identifier100,
    Identifier200,
    Metadata,
    Note,
    Phone,
    Quantity,
    Tags,
    Text300,
    UnitAmount,
)
from orders.requests.parsing import parse
from orders.rules.emails import is_email
from orders.rules.errors import FieldError, InvalidRequest, TotalsMismatch
from orders.rules.limits import MAX_ITEMS, MAX_METADATA_BYTES, MAX_ORDERS_IN_BATCH
from orders.rules.money import (
    refuse_discount_beyond,
    refuse_less_than_items,
    refuse_sum_out_of_range,
    refuse_wrong_sum,
    total_sum,
    unknown_currency,
)

LineAmount = Annotated[
    Amount,
    Meta(
        description="What the line costs before discount, in minor units, where that is not quantity × unit_amount: "
        '"3 for 1000".'
    ),
]
WholeDiscount = Annotated[Amount, Meta(description="Of the whole order; absent, the sum of the items' discounts.")]
WholeTax = Annotated[Amount, Meta(description="Of the whole order; absent, the sum of the items' taxes.")]
TaxIncluded = Annotated[
    bool, Meta(description="The prices of the items include the tax; otherwise it is added to the total.")
]


class NewItem(Struct, forbid_unknown_fields=True, frozen=True):
    product_id: ProductId
    quantity: Quantity
    name: Text300 | None = None
    unit_amount: UnitAmount | None = None
    amount: LineAmount | None = None
    discount_amount: Amount | None = None
    tax_amount: Amount | None = None

    @property
    def line_amount(self) -> int | None:
        """What the line costs, in minor units, before discount; None when it has no price."""
        if self.amount is not None or self.unit_amount is None:
            return self.amount
        return self.quantity * self.unit_amount


class Contact(Struct, forbid_unknown_fields=True, frozen=True):
    email: Email | None = None
    phone: Phone | None = None

    def __post_init__(self) -> None:
        clean(self, CONTACT)


class Address(Struct, forbid_unknown_fields=True, frozen=True):
    name: Text300 | None = None
    line1: Text300 | None = None
    line2: Text300 | None = None
    city: Text300 | None = None
    region: Text300 | None = None
    postal_code: Text300 | None = None
    country: Country | None = None

    def __post_init__(self) -> None:
        clean(self, ADDRESS)


class NewOrder(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    customer_id: Identifier200
    items: Annotated[list[NewItem], Meta(min_length=1, max_length=MAX_ITEMS)]
    external_reference: Identifier100 | None = None
    currency: Currency | None = None
    items_amount: Amount | None = None
    shipping_amount: Amount = 0
    tax_amount: WholeTax | UnsetType = UNSET
    discount_amount: WholeDiscount | UnsetType = UNSET
    tax_included: TaxIncluded = False
    total_amount: Amount | None = None
    contact: Contact = Contact()
    shipping_address: Address | None = None
    billing_address: Address | None = None
    note: Note = ""
    metadata: Metadata = {}
    tags: Tags = []

    def __post_init__(self) -> None:
        clean(self, CURRENCY)


class KeptOrder(NewOrder, frozen=True, kw_only=True):
    """An order as it is kept until it is placed: a flag may stand beside as many tags as may be asked for."""

    tags: list[str] = []


class NewBatch(Struct, forbid_unknown_fields=True, frozen=True):
    orders: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MAX_ORDERS_IN_BATCH)]


def parse_orders(body: bytes) -> list[NewOrder | InvalidRequest | TotalsMismatch]:
    """The orders of a batch, each read on its own: one that is wrong does not end the others."""
    parsed: list[NewOrder | InvalidRequest | TotalsMismatch] = []
    for raw in parse(body, NewBatch).orders:
        try:
            parsed.append(checked(parse(bytes(raw), NewOrder, part=True)))
        except (InvalidRequest, TotalsMismatch) as error:
            parsed.append(error)
    return parsed


def checked(order: NewOrder, *, of_the_past: bool = False) -> NewOrder:
    """What spans fields or is known once they are cleaned: currency, e-mail, countries, size of metadata, prices on all
    items or none, sums.

    An order of the past may be in a currency of its time. Raises InvalidRequest or TotalsMismatch.
    """
    errors = unknown_currency(order.currency, retired_too=of_the_past)
    errors += wrong_email(order.contact)
    for field in ("shipping_address", "billing_address"):
        errors += unknown_country(getattr(order, field), field)
    errors += too_large_metadata(order.metadata)
    priced = [item.line_amount is not None for item in order.items]
    if any(priced) and not all(priced):
        errors.append(
            FieldError(
                f"/items/{priced.index(False)}/unit_amount",
                "required",
                "Some items have a unit_amount and this one has none: give it for all items or for none.",
            )
        )
    if errors:
        raise InvalidRequest(errors)
    _check_sums(order)
    return order


def unknown_country(address: Struct | UnsetType | None, field: str) -> list[FieldError]:
    """Of an address, whole or in part."""
    country = getattr(address, "country", None)
    if not country or country in countries.countries:
        return []
    if not re.fullmatch("[A-Z]{2}", country):
        detail = f"{country[:20]!r} is not the two letters of a country, such as AU (ISO 3166-1 alpha-2)."
        return [FieldError(f"/{field}/country", "wrong_format", detail)]
    return [FieldError(f"/{field}/country", "unknown_country", f"{country} is not a country of ISO 3166-1 alpha-2.")]


def wrong_email(contact: Struct | UnsetType | None) -> list[FieldError]:
    """Of a contact, whole or in part."""
    email = getattr(contact, "email", None)
    if not email or is_email(email):
        return []
    detail = "Expected one e-mail address, such as ann@example.com, as browsers take it."
    return [FieldError("/contact/email", "wrong_format", detail)]


def too_large_metadata(metadata: Mapping[str, str]) -> list[FieldError]:
    size = sum(len(text.encode()) for entry in metadata.items() for text in entry)
    if size <= MAX_METADATA_BYTES:
        return []
    return [
        FieldError(
            "/metadata",
            "out_of_range",
            f"Names and values are {size:,} bytes in UTF-8; {MAX_METADATA_BYTES:,} at most.",
        )
    ]


def stored_address(address: Address | None) -> dict[str, str | None] | None:
    """An address without a single line is none."""
    return address_of(msgspec.structs.asdict(address) if address is not None else {})


def address_of(fields: dict[str, str | None]) -> dict[str, str | None] | None:
    """Likewise, of its fields."""
    return fields if any(fields.values()) else None


def items_amount(order: NewOrder) -> int | None:
    """Sum over the items; what the caller says when the items have no prices."""
    amounts = [item.line_amount for item in order.items]
    return order.items_amount if amounts[0] is None else sum(amount or 0 for amount in amounts)


def tax_amount(order: NewOrder) -> int:
    """Of the whole order; what the caller does not say is what the items tell."""
    if order.tax_amount is not UNSET:
        return order.tax_amount
    return sum(item.tax_amount or 0 for item in order.items)


def discount_amount(order: NewOrder) -> int:
    """Likewise."""
    if order.discount_amount is not UNSET:
        return order.discount_amount
    return sum(item.discount_amount or 0 for item in order.items)


def total_amount(order: NewOrder) -> int | None:
    items = items_amount(order)
    if items is None:
        return order.total_amount
    return total_sum(
        items,
        shipping=order.shipping_amount,
        tax=tax_amount(order),
        discount=discount_amount(order),
        tax_included=order.tax_included,
    )


def _check_sums(order: NewOrder) -> None:
    for position, item in enumerate(order.items):
        refuse_discount_beyond(item.line_amount, item.discount_amount, pointer=f"/items/{position}/discount_amount")
    if order.tax_amount is not UNSET:
        of_items = sum(item.tax_amount or 0 for item in order.items)
        refuse_less_than_items("tax_amount", of_items=of_items, given=order.tax_amount)
    if order.discount_amount is not UNSET:
        of_items = sum(item.discount_amount or 0 for item in order.items)
        refuse_less_than_items("discount_amount", of_items=of_items, given=order.discount_amount)
    items, total = items_amount(order), total_amount(order)
    if items is not None:
        refuse_wrong_sum("items_amount", expected=items, given=order.items_amount)
    if total is not None:
        refuse_wrong_sum("total_amount", expected=total, given=order.total_amount, tax_included=order.tax_included)
    refuse_sum_out_of_range("total_amount", total)
    refuse_sum_out_of_range("items_amount", items)
