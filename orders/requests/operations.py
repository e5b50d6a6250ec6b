"""What each operation on an order takes, field by field.

The API reads these from JSON, the back office from forms, commands from their arguments.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final
from uuid import UUID

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from inventory_client.wire import ProductId
from orders.requests.cleaned import ADDRESS, CONTACT, CURRENCY, clean
from orders.requests.fields import (
    Amount,
    CommentText,
    Country,
    Currency,
    Email,
    Identifier100,
    Identifier200,
    MetadataPatch,
    Moment,
    MovedAmount,
    Note,
    Phone,
    Quantity,
    QuantityOrZero,
    Reason,
    Tags,
    Text40,
    Text100,
    Text300,
    TrackingLink,
    UnitAmount,
)
from orders.requests.placing import LineAmount, unknown_country, wrong_email
from orders.rules.errors import InvalidRequest
from orders.rules.lifecycle import Operation
from orders.rules.limits import MAX_ITEMS, MAX_MINUTES, MAX_ORDERS_IN_BULK
from orders.rules.statuses import CancelReason, Condition, HoldKind, PaymentKind, ReturnCause

# Outside of these a time zone or a number of days could lead out of the calendar.
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


class OperationRequest(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What by its absence means all there is, or the only one, must really be absent: `null` is not that."""

    reason: Reason = ""


class Plain(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """An operation that needs no more than to be asked for."""


class Units(Struct, forbid_unknown_fields=True, frozen=True):
    item_id: UUID
    quantity: Quantity


CreditAmount = Annotated[
    Amount,
    Meta(
        description="What is owed less, in minor units, where that is not the share of these units: less a fee, or "
        "more out of goodwill; never more than is owed."
    ),
]
ParentReference = Annotated[
    Identifier200,
    Meta(
        description="The `psp_reference` of the payment this one belongs to: of the authorization for a capture or "
        "void, of the capture for a refund or chargeback. It may be recorded later."
    ),
]
UnitList = Annotated[list[Units], Meta(min_length=1, max_length=MAX_ITEMS)]


class ContactPatch(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    email: Email | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        clean(self, CONTACT)


class AddressPatch(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    name: Text300 | UnsetType | None = UNSET
    line1: Text300 | UnsetType | None = UNSET
    line2: Text300 | UnsetType | None = UNSET
    city: Text300 | UnsetType | None = UNSET
    region: Text300 | UnsetType | None = UNSET
    postal_code: Text300 | UnsetType | None = UNSET
    country: Country | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        clean(self, ADDRESS)


class OrderDetails(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A merge patch (RFC 7396): what is absent stays, objects are merged key by key, `null` removes."""

    # What is changed otherwise, in words for who sends it here.
    elsewhere: ClassVar[dict[str, str]] = {
        "status": "operations move it, POST …/confirm and …/ship for example; GET …/actions lists them"
    }

    note: Note | UnsetType | None = UNSET
    metadata: MetadataPatch | UnsetType | None = UNSET
    tags: Tags | UnsetType | None = UNSET
    contact: ContactPatch | UnsetType | None = UNSET
    shipping_address: AddressPatch | UnsetType | None = UNSET
    billing_address: AddressPatch | UnsetType | None = UNSET


class ChangeCustomer(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    customer_id: Identifier200


class Extend(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    minutes: Annotated[int, Meta(ge=1, le=MAX_MINUTES, description="From now; a longer hold is not shortened.")]


class AmendedItem(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """An item of the order with its new quantity (0 removes it), or, without `item_id`, a new one."""

    quantity: QuantityOrZero
    item_id: UUID | None = None
    product_id: ProductId | None = None
    name: Text300 | None = None
    unit_amount: UnitAmount | None = None
    amount: LineAmount | None = None
    discount_amount: Amount | None = None
    tax_amount: Amount | None = None


class Amend(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Only the items to be changed. Amounts that are absent stay; sums are checked as when placing."""

    items: Annotated[list[AmendedItem], Meta(min_length=1, max_length=MAX_ITEMS)]
    items_amount: Amount | None = None
    shipping_amount: Amount | None = None
    tax_amount: Amount | None = None
    discount_amount: Amount | None = None
    total_amount: Amount | None = None


class Tracking(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How a parcel travels. What is absent stays as it is; a link is built from carrier and number."""

    shipment_id: UUID | UnsetType = UNSET
    tracking_company: Text100 | UnsetType | None = UNSET
    tracking_number: Identifier100 | UnsetType | None = UNSET
    tracking_link: TrackingLink | UnsetType | None = UNSET


class Packing(Tracking, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A parcel with chosen units; without `items`, all that are open and not packed."""

    items: UnitList | UnsetType = UNSET
    packed_at: Moment | None = None


class Parcel(Packing, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A parcel that leaves with chosen units, or with those it was packed with.

    Without `items` and `shipment_id` all that is open leaves: packed parcels as packed, and the rest in one more.
    """

    shipped_at: Moment | None = None


class Deliver(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Without `shipment_id`, every parcel that is on its way."""

    shipment_id: UUID | UnsetType = UNSET
    delivered_at: Moment | None = None


class UndoParcel(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """It needs a `reason`; `shipment_id` may be absent when there is only one such parcel."""

    shipment_id: UUID | UnsetType = UNSET


class Undo(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """It needs a `reason`."""


class Cancel(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Without `items`, all that is open."""

    cause: CancelReason = CancelReason.CUSTOMER
    items: UnitList | UnsetType = UNSET
    amount: CreditAmount | UnsetType = UNSET


class RecordPayment(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One fact from the payment provider; the same one again is harmless."""

    kind: PaymentKind
    amount: MovedAmount
    psp_reference: Identifier200
    psp: Text40 = ""
    currency: Currency | None = None
    occurred_at: Moment | None = None
    refund_id: UUID | None = None
    parent_reference: ParentReference | None = None

    def __post_init__(self) -> None:
        clean(self, CURRENCY)


class CorrectPayment(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What was recorded by mistake, and a `reason`; `payment_id` may be absent when there is only one payment."""

    payment_id: UUID | UnsetType = UNSET


class RequestRefund(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Without `amount`, what the return, the credit, or items and shipping are worth; without these, what is kept
    beyond what is due.

    Where nothing is, all that is kept. What is refunded beyond it is owed less from now on, out of goodwill.
    `credit_id` is a credit of the order for units that were canceled or came back.
    """

    amount: MovedAmount | UnsetType = UNSET
    return_id: UUID | UnsetType = UNSET
    credit_id: UUID | UnsetType = UNSET
    items: UnitList | UnsetType = UNSET
    shipping_amount: MovedAmount | UnsetType = UNSET


class DecideRefund(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`refund_id` may be absent when there is only one to decide on."""

    refund_id: UUID | UnsetType = UNSET


class RequestReturn(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Without `items`, every shipped unit that is not on its way back yet."""

    cause: ReturnCause
    items: UnitList | UnsetType = UNSET


class DecideReturn(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`return_id` may be absent when there is only one to decide on."""

    return_id: UUID | UnsetType = UNSET


class ReceivedUnits(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    item_id: UUID
    quantity: Quantity
    condition: Condition | UnsetType = UNSET
    restock: bool | UnsetType = UNSET


class ReceiveReturn(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Without `items`, all that was announced came back.

    Units are in the condition that the return's cause tells (as new where they were not wanted, the wrong ones or could
    not be delivered; `damaged`; otherwise `opened`). Those that are as new go back on the shelf, and no others may,
    unless no stock was ever held for the order here. With `rest_follows` what is missing is still announced.
    """

    return_id: UUID | UnsetType = UNSET
    rest_follows: bool = False
    items: Annotated[list[ReceivedUnits], Meta(min_length=1, max_length=MAX_ITEMS)] | UnsetType = UNSET
    amount: CreditAmount | UnsetType = UNSET


class Comment(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """It is told as the reason of the change, before one that is given."""

    text: CommentText


class Hold(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Without `blocks`, what a hold of this kind usually blocks."""

    kind: HoldKind
    blocks: Annotated[list[Operation], Meta(min_length=1)] | UnsetType = UNSET


class ReleaseHold(OperationRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`hold_id` may be absent when there is only one."""

    hold_id: UUID | UnsetType = UNSET


class Bulk(Struct, forbid_unknown_fields=True, frozen=True):
    """One operation for several orders; `arguments` is what the operation itself takes."""

    operation: Operation
    ids: Annotated[list[UUID], Meta(min_length=1, max_length=MAX_ORDERS_IN_BULK)]
    arguments: Raw | UnsetType = UNSET


def checked_details(details: OrderDetails) -> OrderDetails:
    """Raises InvalidRequest for an address in no country of this world, and for an e-mail that is none."""
    errors = wrong_email(details.contact)
    errors += unknown_country(details.shipping_address, "shipping_address")
    errors += unknown_country(details.billing_address, "billing_address")
    if errors:
        raise InvalidRequest(errors)
    return details


def refuse_far_moments(request: Struct) -> None:
    """Raises InvalidRequest for a moment nobody can mean."""
    for name in request.__struct_fields__:
        moment = getattr(request, name)
        if isinstance(moment, datetime) and not _EARLIEST <= moment <= _LATEST:
            raise InvalidRequest.at(
                f"/{name}", "out_of_range", f"{name} lies before {_EARLIEST:%Y} or after {_LATEST:%Y}"
            )
