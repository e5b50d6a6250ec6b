"""What a storefront may send to place or change orders: the shape of each body, field by field.

msgspec structs rather than serializers, because placing is the hot path; the OpenAPI document is made
from the same structs.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from django_countries import countries
from msgspec import UNSET, Meta, Struct, UnsetType

from inventory_client.wire import ProductId
from orders.rules.currencies import MINOR_DIGITS
from orders.rules.errors import FieldError, InvalidRequest, MalformedJson, TotalsMismatch

# Sums stay exact in every JSON reader up to here (RFC 8259 §6).
MAX_AMOUNT = 2**53 - 1
MAX_METADATA_ENTRIES = 50
MAX_ITEMS = 500

Text100 = Annotated[str, Meta(min_length=1, max_length=100)]
Text200 = Annotated[str, Meta(min_length=1, max_length=200)]
Text300 = Annotated[str, Meta(max_length=300)]
Note = Annotated[str, Meta(max_length=5000)]
# Python's `$` would let a line break at the end pass, ECMAScript's would not: `(?!\n)` makes them agree.
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$(?!\n)")]
Phone = Annotated[str, Meta(max_length=40, pattern=r"^\+?[0-9 ()./-]{4,}$(?!\n)")]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000)]
Amount = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1 alpha-2")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", description="ISO 4217")]
Metadata = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=500)]],
    Meta(max_length=MAX_METADATA_ENTRIES),
]
Tags = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=40)]],
    Meta(max_length=20, description="A set: kept sorted, each once"),
]


class NewItem(Struct, forbid_unknown_fields=True, frozen=True):
    product_id: ProductId
    quantity: Quantity
    name: Text300 | None = None
    unit_amount: Annotated[Amount, Meta(description="Minor units of the currency")] | None = None


class Contact(Struct, forbid_unknown_fields=True, frozen=True):
    email: Email | None = None
    phone: Phone | None = None


class Address(Struct, forbid_unknown_fields=True, frozen=True):
    name: Text300 | None = None
    line1: Text300 | None = None
    line2: Text300 | None = None
    city: Text300 | None = None
    region: Text300 | None = None
    postal_code: Text300 | None = None
    country: Country | None = None


class NewOrder(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    customer_id: Text200
    items: Annotated[list[NewItem], Meta(min_length=1, max_length=MAX_ITEMS)]
    external_reference: Text100 | None = None
    currency: Currency | None = None
    items_amount: Amount | None = None
    shipping_amount: Amount = 0
    tax_amount: Amount = 0
    discount_amount: Amount = 0
    total_amount: Amount | None = None
    contact: Contact = Contact()
    shipping_address: Address | None = None
    billing_address: Address | None = None
    note: Note = ""
    metadata: Metadata = {}
    tags: Tags = []


class NewBatch(Struct, forbid_unknown_fields=True, frozen=True):
    orders: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=500)]


class OrderDetails(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What PATCH takes. A key that is absent leaves its field alone; an object replaces the whole one."""

    note: Note | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    contact: Contact | UnsetType = UNSET
    shipping_address: Address | UnsetType = UNSET
    billing_address: Address | UnsetType | None = UNSET


class SeedItem(Struct, forbid_unknown_fields=True, frozen=True, rename="camel"):
    product_id: ProductId
    quantity: Quantity


class SeedTracking(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, rename="camel"):
    tracking_company: Text100 | UnsetType | None = UNSET
    tracking_number: Text100 | UnsetType | None = UNSET
    tracking_link: Annotated[str, Meta(max_length=500, pattern=r"^https?://\S+$(?!\n)")] | UnsetType | None = UNSET


class SeedNewOrder(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, rename="camel"):
    """The body of `POST /order/create`."""

    customer_id: Text200
    items: Annotated[list[SeedItem], Meta(min_length=1, max_length=500)]

    def as_new_order(self) -> NewOrder:
        return NewOrder(
            customer_id=self.customer_id,
            items=[NewItem(product_id=item.product_id, quantity=item.quantity) for item in self.items],
        )


class SeedUpdate(SeedTracking, forbid_unknown_fields=True, frozen=True, kw_only=True, rename="camel"):
    """The body of `PUT /order/update/{id}`."""

    status: str | UnsetType = UNSET


S = TypeVar("S", bound=Struct)

_NUL = re.compile(rb"\\u0000")
_PATH = re.compile(r"^(?P<detail>.*?)(?: - at (?:`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)
_CODES = (
    ("missing required field", "required"),
    ("contains unknown field", "unknown_field"),
    ("Expected `", "wrong_type"),
    ("Invalid enum", "not_a_choice"),
)


def parse(body: bytes, shape: type[S]) -> S:
    """Read a JSON body into its struct.

    Raises MalformedJson when it is not JSON at all, and InvalidRequest naming the first thing that does
    not fit, with a JSON pointer to it.
    """
    value = _decode(body, shape)
    if _NUL.search(body):
        _refuse_nul(msgspec.to_builtins(value, enc_hook=msgspec.json.decode), "")
    return value


def _decode(body: bytes, shape: type[S]) -> S:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise InvalidRequest([_field_error(str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(f"The body is not JSON: {error}. Send one JSON object, encoded as UTF-8.") from None


def parse_orders(body: bytes) -> list[NewOrder | InvalidRequest | TotalsMismatch]:
    """The orders of a batch, each read on its own: one that is wrong does not end the others."""
    parsed: list[NewOrder | InvalidRequest | TotalsMismatch] = []
    for position, raw in enumerate(_decode(body, NewBatch).orders):
        try:
            parsed.append(checked(parse(bytes(raw), NewOrder)))
        except (InvalidRequest, TotalsMismatch) as error:
            for part in error.errors:
                part["pointer"] = f"/orders/{position}{part['pointer']}"
            parsed.append(error)
    return parsed


def checked(order: NewOrder) -> NewOrder:
    """What spans fields: known currency and countries, prices on all items or none, sums that add up.

    Raises InvalidRequest or TotalsMismatch.
    """
    errors: list[FieldError] = []
    if order.currency is not None and order.currency not in MINOR_DIGITS:
        errors.append(FieldError("/currency", "unknown_currency", f"{order.currency} is not a currency of ISO 4217."))
    for field in ("shipping_address", "billing_address"):
        errors += unknown_country(getattr(order, field), field)
    priced = [item.unit_amount is not None for item in order.items]
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


def checked_details(details: OrderDetails) -> OrderDetails:
    """Raises InvalidRequest when an address names no country of this world."""
    errors = unknown_country(details.shipping_address, "shipping_address")
    errors += unknown_country(details.billing_address, "billing_address")
    if errors:
        raise InvalidRequest(errors)
    return details


def unknown_country(address: Address | UnsetType | None, field: str) -> list[FieldError]:
    if isinstance(address, Address) and address.country is not None and address.country not in countries.countries:
        return [
            FieldError(
                f"/{field}/country",
                "unknown_country",
                f"{address.country} is not a country of ISO 3166-1 alpha-2.",
            )
        ]
    return []


def stored_address(address: Address | None) -> dict[str, str | None] | None:
    """An address without a single line is none."""
    fields = msgspec.structs.asdict(address) if address is not None else {}
    return fields if any(fields.values()) else None


def items_amount(order: NewOrder) -> int | None:
    """Sum over the items; what the caller says when the items have no prices."""
    if order.items[0].unit_amount is None:
        return order.items_amount
    return sum(item.quantity * (item.unit_amount or 0) for item in order.items)


def total_amount(order: NewOrder) -> int | None:
    items = items_amount(order)
    if items is None:
        return order.total_amount
    return items + order.shipping_amount + order.tax_amount - order.discount_amount


def _check_sums(order: NewOrder) -> None:
    items, total = items_amount(order), total_amount(order)
    if order.items_amount is not None and items is not None and order.items_amount != items:
        raise TotalsMismatch(
            "items_amount",
            expected=items,
            got=order.items_amount,
            formula="the sum of quantity × unit_amount",
        )
    if order.total_amount is not None and total is not None and order.total_amount != total:
        raise TotalsMismatch(
            "total_amount",
            expected=total,
            got=order.total_amount,
            formula="items + shipping + tax − discount",
        )
    for field, amount in (("total_amount", total), ("items_amount", items)):
        if amount is not None and not 0 <= amount <= MAX_AMOUNT:
            raise InvalidRequest(
                [FieldError(f"/{field}", "out_of_range", f"{field} is {amount}; it must be 0 to {MAX_AMOUNT}.")]
            )


def _field_error(message: str) -> FieldError:
    """A msgspec message as a field error: "Expected `int`, got `str` - at `$.items[0].quantity`"."""
    match = _PATH.match(message)
    detail, path = (match["detail"], match["path"] or "") if match else (message, "")
    pointer = path.replace("[...]", "").replace("[", "/").replace("]", "").replace(".", "/")
    if name := re.search(r"(?:missing required|contains unknown) field `([^`]+)`", detail):
        pointer += f"/{name[1]}"
    code = next((code for start, code in _CODES if start in detail and "length" not in detail), "invalid")
    if "length" in detail or ">=" in detail or "<=" in detail:
        code = "out_of_range"
    elif "matching regex" in detail:
        code = "wrong_format"
    return FieldError(pointer, code, detail + ".")


def _refuse_nul(value: Any, pointer: str) -> None:
    """PostgreSQL's text cannot hold U+0000; say where it stands instead of failing on it later."""
    if isinstance(value, str) and "\0" in value:
        raise InvalidRequest([FieldError(pointer, "nul_character", "Text cannot hold the character U+0000.")])
    if isinstance(value, Mapping):
        for key, part in value.items():
            _refuse_nul(key, f"{pointer}/{key.replace(chr(0), '')}")
            _refuse_nul(part, f"{pointer}/{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _refuse_nul(part, f"{pointer}/{index}")
