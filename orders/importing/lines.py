"""What one line of an import may hold, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from orders.importing.marketplace import STATUS_OF
from orders.requests.fields import Amount, Identifier100, QuantityOrZero, Text100
from orders.requests.parsing import parse
from orders.requests.placing import NewItem, NewOrder, checked, total_amount
from orders.rules.errors import FieldError, InvalidRequest, MalformedJson, OrderError
from orders.rules.limits import MAX_ITEMS, MAX_METADATA_ENTRIES, MAX_PAYMENTS_OF_IMPORTED
from orders.rules.statuses import OrderStatus

# A line that is longer is refused unread, so that memory stays flat. 500 items need a quarter of it.
MAX_LINE_BYTES: Final = 2**20
# What the file knows and an order has no field for goes into its metadata, at most so many entries.
HISTORY_METADATA_ENTRIES: Final = 5

# The time in an order's id (RFC 9562 §5.7) begins here.
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_ESTIMATE: Final = datetime(2200, 1, 1, tzinfo=UTC)
_CLOCK_TOLERANCE: Final = timedelta(days=1)

Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset")]
StorefrontCode = Annotated[str, Meta(max_length=40, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z")]


class Payment(Struct, forbid_unknown_fields=True, frozen=True):
    method: Text100
    amount: Amount
    installments: Annotated[int, Meta(ge=0, le=1000)] | None = None


class ItemHistory(Struct, forbid_unknown_fields=True, frozen=True):
    """How many units of an item have left, and how many were canceled. Without `shipped` it is as the status says."""

    shipped: QuantityOrZero | None = None
    canceled: QuantityOrZero = 0


class History(Struct, forbid_unknown_fields=True, frozen=True):
    """How far the order came, in the marketplace's words. Stamps may be missing or out of order.

    `items` has an entry for each item of the order, or none. `refunded_amount` is all that was given back.
    """

    status: str = "created"
    authorized_at: Moment | None = None
    voided_at: Moment | None = None
    approved_at: Moment | None = None
    shipped_at: Moment | None = None
    delivered_at: Moment | None = None
    canceled_at: Moment | None = None
    estimated_delivery_at: Moment | None = None
    refunded_amount: Amount = 0
    items: Annotated[list[ItemHistory], Meta(max_length=MAX_ITEMS)] = []


class ImportedOrder(NewOrder, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """An order as `POST /api/v1/orders` takes it, with where and when it was placed and what came after."""

    storefront: StorefrontCode
    external_reference: Identifier100
    placed_at: Moment
    # Of one that was canceled some systems do not tell any more what it was.
    items: Annotated[list[NewItem], Meta(max_length=MAX_ITEMS)]
    payments: Annotated[list[Payment], Meta(max_length=MAX_PAYMENTS_OF_IMPORTED)] = []
    history: History = History()

    @property
    def to_be_paid(self) -> int:
        """What its payments come to, in minor units; where none is listed, what the order costs, if anybody knows."""
        if self.payments or not self.items:
            return sum(payment.amount for payment in self.payments)
        return total_amount(self) or 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Nothing is wrong with what the file tells, and nothing is done about it. `code` is for machines."""

    code: str
    reason: str


NOTHING_SOLD: Final = LeftOut(
    "nothing_sold", "It was canceled, the file does not tell what it was, and it is not here."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One order of a file, or why there is none to be taken. `line` counts from 1, blank lines too.

    `run` is the storefront and reference of adjacent rows that were put together: another run of them is a torn order.
    """

    line: int
    content: ImportedOrder | LeftOut | OrderError
    external_reference: str | None
    run: tuple[str, str] | None = None


def read_order(text: bytes, *, now: datetime) -> ImportedOrder:
    """The order in a line of JSON.

    Raises MalformedJson, InvalidRequest naming the field, or TotalsMismatch.
    """
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(f"The line is not JSON: {error}. Expected one JSON object, encoded as UTF-8.") from None
    order = parse(text, ImportedOrder)
    if order.items:
        checked(order, of_the_past=True)
    elif STATUS_OF.get(order.history.status) is not OrderStatus.CANCELED:
        raise InvalidRequest.at("/items", "out_of_range", "Expected `array` of length >= 1")
    if wrong := [*_wrong_stamps(order, now), *_wrong_words(order), *_wrong_counts(order)]:
        raise InvalidRequest(wrong)
    return order


def entry_of(line: int, text: bytes, *, now: datetime) -> Entry:
    """The line read, or refused."""
    try:
        order = read_order(text, now=now)
    except OrderError as refusal:
        return Entry(line, refusal, _reference_in(text))
    return Entry(line, order, order.external_reference)


def refused(line: int, code: str, detail: str, *, external_reference: str | None = None) -> Entry:
    return Entry(line, InvalidRequest.at("", code, detail), external_reference)


def _wrong_stamps(order: ImportedOrder, now: datetime) -> list[FieldError]:
    history = order.history
    stamps = {
        "/placed_at": order.placed_at,
        "/history/authorized_at": history.authorized_at,
        "/history/voided_at": history.voided_at,
        "/history/approved_at": history.approved_at,
        "/history/shipped_at": history.shipped_at,
        "/history/delivered_at": history.delivered_at,
        "/history/canceled_at": history.canceled_at,
    }
    latest = now + _CLOCK_TOLERANCE
    wrong = [
        FieldError(pointer, "out_of_range", f"{moment.isoformat()} does not lie between 1970 and now.")
        for pointer, moment in stamps.items()
        if moment is not None and not _EARLIEST <= moment <= latest
    ]
    estimate = history.estimated_delivery_at
    if estimate is not None and not _EARLIEST <= estimate < _LATEST_ESTIMATE:
        wrong.append(
            FieldError(
                "/history/estimated_delivery_at",
                "out_of_range",
                f"{estimate.isoformat()} does not lie between 1970 and 2200.",
            )
        )
    return wrong


def _wrong_words(order: ImportedOrder) -> list[FieldError]:
    wrong = []
    if order.history.status not in STATUS_OF:
        wrong.append(
            FieldError(
                "/history/status",
                "not_a_choice",
                f"{order.history.status!r} is not a known status; known are: {', '.join(STATUS_OF)}.",
            )
        )
    if len(order.metadata) > MAX_METADATA_ENTRIES - HISTORY_METADATA_ENTRIES:
        wrong.append(
            FieldError(
                "/metadata",
                "out_of_range",
                f"There are {len(order.metadata)} entries; an imported order may bring "
                f"{MAX_METADATA_ENTRIES - HISTORY_METADATA_ENTRIES}, because its history becomes entries too.",
            )
        )
    return wrong


def _wrong_counts(order: ImportedOrder) -> list[FieldError]:
    """More than there was: of units, of money."""
    history, wrong = order.history, []
    if history.items and len(history.items) != len(order.items):
        detail = (
            f"There are {len(history.items)} entries, and {len(order.items)} items: give one for each item, or none."
        )
        return [FieldError("/history/items", "out_of_range", detail)]
    for position, (item, past) in enumerate(zip(order.items, history.items, strict=False)):
        ended = (past.shipped or 0) + past.canceled
        if ended > item.quantity:
            detail = f"{ended} units were shipped or canceled, and the item has {item.quantity}."
            wrong.append(FieldError(f"/history/items/{position}", "out_of_range", detail))
    paid = order.to_be_paid if history.approved_at is not None else 0
    if history.refunded_amount > paid:
        detail = f"{history.refunded_amount} was given back, and {paid} paid; payments count with `approved_at`."
        wrong.append(FieldError("/history/refunded_amount", "out_of_range", detail))
    return wrong


def _reference_in(text: bytes) -> str | None:
    """The reference of a line that is refused for something else, for the report."""
    try:
        value: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    reference = value.get("external_reference") if isinstance(value, dict) else None
    return reference[:100] if isinstance(reference, str) else None
