"""What an order is and shows: facts are kept; statuses and sums are drawn from them whenever they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from tests.chaos.model.parts import (
    NEW,
    Asked,
    Credit,
    Document,
    Hold,
    Item,
    Parcel,
    Payment,
    Refund,
    Return,
    is_asked_for,
)
from tests.chaos.model.rules import ALLOWED_IN, BEFORE_SHIPPED, STATUS_REFUSALS, Refused

PERSONAL: Final = ("contact", "shipping_address", "billing_address", "note", "metadata")
_PARTS: Final = ("items", "shipments", "payments", "credits", "refunds", "returns", "holds")
# By the only number that is drawn.
_IN_E164: Final = {None: None, "+61 2 9999 0000": "+61299990000"}
NO_ADDRESS: Final = dict.fromkeys(("name", "line1", "line2", "city", "region", "postal_code", "country"))

Part = TypeVar("Part", Parcel, Credit, Refund, Return, Hold)


@dataclass(frozen=True)
class Ended:
    """What the order was when the cancellation that ended it came; `credits` and `refunds` say how many there were."""

    status: str
    canceled: Mapping[str, int]
    credits: int
    refunds: int
    not_agreed: Sequence[str]  # ids of the refunds nobody had agreed to
    settled: Sequence[int]  # of each refund
    refunded: int


@dataclass(repr=False)
class ModelOrder:
    """`held` are the units that the inventory counts as its own, and `gone` those of them that it knows have left.

    They are not `units_to_hold` and `units_gone` while the inventory has still to be told.
    """

    storefront: str
    customer_id: str
    currency: str | None
    items: list[Item]
    external_reference: str | None
    note: str
    metadata: dict[str, str]
    tags: list[str]
    contact: dict[str, str | None]
    shipping_address: Document | None
    billing_address: Document | None
    items_amount: int | None = None
    shipping_amount: int = 0
    tax_amount: int = 0
    discount_amount: int = 0
    tax_included: bool = False
    total_amount: int | None = None
    id: str = NEW
    number: str = NEW
    version: int = 1
    status: str = "pending"
    cancel_reason: str | None = None
    shipments: list[Parcel] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    reserved_until: str = NEW
    placed_at: str = NEW
    updated_at: str = NEW
    deleted: bool = False
    ended_from: Ended | None = None
    completed_parcels: list[str] = field(default_factory=list)  # that completing took for delivered
    held: dict[str, int] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    awaits_inventory: bool = False

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """In the story of a failure its number says enough."""
        printer.text(f"<{self.number}>")

    # --- units ---

    def units_to_hold(self) -> dict[str, int]:
        """What is not canceled or back on the shelf; nothing once it is canceled, or deleted while pending."""
        if self.status == "canceled" or (self.status == "pending" and self.deleted):
            return {}
        units: Counter[str] = Counter()
        for item in self.items:
            units[item.product_id] += item.quantity - item.canceled - item.restocked
        return {product: count for product, count in units.items() if count}

    def units_gone(self) -> dict[str, int]:
        """What has left the shelf and is not back."""
        units: Counter[str] = Counter()
        for item in self.items:
            units[item.product_id] += item.shipped - item.restocked
        return {product: count for product, count in units.items() if count}

    def open_units(self) -> dict[str, int]:
        return {item.id: item.open for item in self.items}

    @property
    def is_open(self) -> bool:
        return any(item.open for item in self.items)

    def unpacked_units(self) -> Counter[str]:
        """Open units that are in no packed parcel yet, by item."""
        units = Counter(self.open_units())
        for parcel in self.shipments:
            if not parcel.shipped_at:
                units.subtract(parcel.units)
        return +units

    @property
    def has_shipped(self) -> bool:
        return any(item.shipped for item in self.items)

    @property
    def fulfillment_status(self) -> str:
        if not self.has_shipped:
            return "unfulfilled"
        return "partial" if self.is_open else "fulfilled"

    def units_to_return(self) -> dict[str, int]:
        """By item: shipped, with the customer still, and not announced by another return."""
        left = {item.id: item.shipped - item.returned for item in self.items}
        for announced in self.returns:
            if announced.state in ("requested", "approved"):
                for line in announced.items:
                    left[line["item_id"]] -= line["quantity"]
        return left

    @property
    def delivered_at(self) -> str | None:
        """When the last parcel arrived, once all has been shipped and every parcel is there."""
        arrivals = [parcel.delivered_at for parcel in self.shipments if parcel.shipped_at]
        if self.status not in ("shipped", "completed") or None in arrivals:
            return None
        return max(arrival for arrival in arrivals if arrival)

    # --- money ---

    def facts(self) -> list[Payment]:
        """Payments that are neither taken back nor take another back."""
        wrong = {payment.corrects for payment in self.payments if payment.corrects}
        return [payment for payment in self.payments if payment.id not in wrong and payment.kind != "correction"]

    def _sum_of(self, kind: str, less: str = "") -> int:
        sums = Counter[str]()
        for payment in self.facts():
            sums[payment.kind] += payment.amount
        return max(0, sums[kind] - sums[less])

    def refund_of(self, fact: Payment) -> str | None:
        """The refund that a fact is about; a failure that names none is of the payout with its reference."""
        if fact.kind != "refund_failed" or fact.refund_id is not None:
            return fact.refund_id
        payouts = {(x.psp, x.psp_reference): x.refund_id for x in self.facts() if x.kind == "refund"}
        return payouts.get((fact.psp, fact.psp_reference)) or payouts.get((fact.psp, fact.parent_reference or ""))

    def put_back(self) -> dict[int, int]:
        """By fact: how much of a failed payout had been paid out before."""
        paid = Counter[str | None]()
        for fact in self.facts():
            if fact.kind == "refund":
                paid[fact.refund_id] += fact.amount
        back = {}
        for fact in sorted(self.facts(), key=_when):
            if fact.kind == "refund_failed":
                refund_id = self.refund_of(fact)
                back[id(fact)] = min(fact.amount, paid[refund_id])
                paid[refund_id] -= back[id(fact)]
        return back

    @property
    def authorized(self) -> int:
        return sum(left for _, left in self.left_of("authorization", "void"))

    def left_of(self, kind: str, *taken_by: str, put_back_by: tuple[str, ...] = ()) -> list[tuple[Payment, int]]:
        """What is left of each payment of a kind: what names none of them is taken from the first."""
        facts = sorted(self.facts(), key=_when)
        left = {id(fact): fact.amount for fact in facts if fact.kind == kind}
        payments = [fact for fact in facts if fact.kind == kind]
        unnamed = 0
        back = self.put_back()
        for fact in facts:
            amount = back.get(id(fact), fact.amount)
            sign = 1 if fact.kind in taken_by else -1 if fact.kind in put_back_by else 0
            named = [each for each in payments if (each.psp, each.psp_reference) == (fact.psp, fact.parent_reference)]
            if sign and named:
                left[id(named[0])] -= sign * amount
            else:
                unnamed += sign * amount
        for fact in payments:
            if left[id(fact)] < 0:
                unnamed -= left[id(fact)]
            left[id(fact)] = min(fact.amount, max(0, left[id(fact)]))
        return without([(fact, left[id(fact)]) for fact in payments], max(0, unnamed))

    @property
    def captured(self) -> int:
        return self._sum_of("capture")

    @property
    def refunded(self) -> int:
        return self._sum_of("refund") - sum(self.put_back().values())

    @property
    def charged_back(self) -> int:
        return self._sum_of("chargeback", less="chargeback_won")

    @property
    def kept(self) -> int:
        """Captured and not given back."""
        return self.captured - self.refunded - self.charged_back

    @property
    def money_on_it(self) -> bool:
        return self.kept > 0 or self.authorized > self.captured

    @property
    def refunds_pending(self) -> int:
        return sum(refund.open_amount for refund in self.refunds)

    def _paid_back_since(self, ended: Ended) -> bool:
        """For any refund, or for none in particular; what failed of one says nothing of the others."""
        before = [*ended.settled, *[0] * (len(self.refunds) - len(ended.settled))]
        settled = [refund.settled_amount for refund in self.refunds]
        for_none = self.refunded - sum(settled) > ended.refunded - sum(before)
        return for_none or any(now > then for now, then in zip(settled, before, strict=True))

    @property
    def refundable(self) -> int:
        return max(0, self.kept - self.refunds_pending)

    @property
    def overpaid(self) -> int:
        """Kept beyond what is due, and not about to be given back."""
        return 0 if self.due is None else max(0, self.kept - self.refunds_pending - self.due)

    @property
    def credited_amount(self) -> int:
        return sum(credit.amount for credit in self.credits)

    @property
    def canceled_amount(self) -> int:
        return sum(credit.amount for credit in self.credits if credit.cause in ("canceled", "amended", "reinstated"))

    def _less(self, amount: int) -> int | None:
        if self.total_amount is None:
            return 0 if self.status == "canceled" else None
        return self.total_amount - amount

    @property
    def due(self) -> int | None:
        """What the customer owes in all; nobody knows without prices."""
        return self._less(self.credited_amount)

    @property
    def payment_status(self) -> str:
        if self.captured == 0:
            if self.total_amount == 0:
                return "paid"
            return "authorized" if self.authorized else "unpaid"
        ordered = self._less(self.canceled_amount)
        gave_back = self.kept < self.captured
        if gave_back and self.kept <= 0:
            return "refunded"
        if self.due is None or ordered is None:
            return "partially_refunded" if gave_back else "paid"
        if self.kept == ordered:
            return "paid"
        if gave_back:
            return "partially_refunded"
        if self.kept < self.due:
            return "partially_paid"
        return "overpaid" if self.kept > ordered else "paid"

    # --- what stands in the way ---

    def reasons(self, operation: str, by: str) -> Iterator[str]:
        """Code of every reason why the operation is refused, whatever is asked for in detail; the first one first."""
        if operation == "restore":
            if not self.deleted:
                yield "not_deleted"
        elif self.status not in ALLOWED_IN[operation]:
            yield STATUS_REFUSALS.get(operation, "not_allowed_in_status")
        if any(operation in hold.blocks for hold in self.holds):
            yield "order_on_hold"
        yield from self._reasons_in_parts(operation, by)

    def _reasons_in_parts(self, operation: str, by: str) -> Iterator[str]:
        match operation:
            case "pack" | "ship" | "cancel" if not self.is_open:
                yield "nothing_left"
            case "change_address" if self.has_shipped and self.status in BEFORE_SHIPPED:
                yield "address_in_use"
            case "track" if self.shipments and all(parcel.delivered_at for parcel in self.shipments):
                yield "nothing_left"
            case "deliver" if not self.on_their_way():
                yield "nothing_left"
            case "undo_shipment" if not self.on_their_way():
                yield "nothing_left"
            case "undo_shipment" if all(self.comes_back(parcel) for parcel in self.on_their_way()):
                yield "units_come_back"
            case "undo_delivery" if not self.arrived():
                yield "nothing_left"
            case "reinstate" if self.ended_from and self.refunded and self._paid_back_since(self.ended_from):
                yield "refund_paid_out"
            case "request_refund" if self.refundable == 0:
                yield "nothing_left"
            case "correct_payment" if not self.facts():
                yield "nothing_left"
            case "approve_refund" if not (waiting := [refund for refund in self.refunds if refund.waiting]):
                yield "nothing_left"
            case "approve_refund" if all(refund.requested_by == by for refund in waiting):
                yield "own_request"
            case "reject_refund" | "fail_refund":
                state = "approved" if operation == "fail_refund" else "requested"
                if not any(refund.state == state for refund in self.refunds):
                    yield "nothing_left"
            case "request_return" if not any(self.units_to_return().values()):
                yield "nothing_left"
            case "approve_return" | "reject_return" | "receive_return" | "close_return":
                state = "approved" if operation in ("receive_return", "close_return") else "requested"
                if not any(announced.state == state for announced in self.returns):
                    yield "nothing_left"
            case "release_hold" if not self.holds:
                yield "nothing_left"
            case "delete" if self.status == "pending" and self.kept > 0:
                yield "money_on_order"

    def refuse_first(self, operation: str, by: str) -> None:
        for reason in self.reasons(operation, by):
            raise Refused(reason)

    def allows(self, operation: str, by: str) -> bool:
        if self.deleted and operation not in ("record_payment", "correct_payment", "restore"):
            return False
        return not self.plain_reasons(operation, by)

    def plain_reasons(self, operation: str, by: str) -> list[str]:
        """The same reasons, and those against an operation that names none of the order's parts."""
        reasons = list(self.reasons(operation, by))
        if operation == "pack" and self.is_open and not self.unpacked_units():
            reasons.append("nothing_left")
        return reasons

    # --- finding a part ---

    def on_their_way(self) -> list[Parcel]:
        return [parcel for parcel in self.shipments if parcel.shipped_at and not parcel.delivered_at]

    def arrived(self) -> list[Parcel]:
        return [parcel for parcel in self.shipments if parcel.delivered_at]

    def comes_back(self, parcel: Parcel) -> bool:
        """Some of it is announced to come back, or has come back."""
        left = self.units_to_return()
        return any(units > left[item_id] for item_id, units in parcel.units.items())

    @staticmethod
    def meant(parts: Sequence[Part], part_id: str | None, candidates: Sequence[Part]) -> Part:
        """The part with the id; without one the only candidate."""
        if part_id is None:
            if len(candidates) > 1:
                raise Refused("ambiguous")
            return candidates[0]
        for part in parts:
            if is_asked_for(part.id, part_id):
                return part
        raise Refused("unknown_part")

    def chosen_units(self, asked: Sequence[Asked] | None, available: Mapping[str, int]) -> dict[str, int]:
        """Units by item id: those asked for, or all there are."""
        if asked is None:
            return {item_id: units for item_id, units in available.items() if units > 0}
        chosen: dict[str, int] = {}
        for line in asked:
            chosen[line["item_id"]] = chosen.get(line["item_id"], 0) + line["quantity"]
        if chosen.keys() - {item.id for item in self.items}:
            raise Refused("unknown_part")
        if any(quantity > max(0, available.get(item_id, 0)) for item_id, quantity in chosen.items()):
            raise Refused("quantity_exceeded")
        return chosen

    # --- how it shows ---

    def document(self) -> Document:
        due, priced = self.due, self.total_amount is not None or self.status == "canceled"
        return {
            "id": self.id,
            "number": self.number,
            "storefront": self.storefront,
            "external_reference": self.external_reference,
            "version": self.version,
            "status": self.status,
            "payment_status": self.payment_status,
            "fulfillment_status": self.fulfillment_status,
            "cancel_reason": self.cancel_reason,
            "customer_id": self.customer_id,
            "currency": self.currency,
            "items_amount": self.items_amount,
            "shipping_amount": self.shipping_amount,
            "tax_amount": self.tax_amount,
            "discount_amount": self.discount_amount,
            "tax_included": self.tax_included,
            "total_amount": self.total_amount,
            "credited_amount": self.credited_amount,
            "due_amount": self.due,
            "canceled_amount": self.canceled_amount,
            "authorized_amount": self.authorized,
            "captured_amount": self.captured,
            "refunded_amount": self.refunded,
            "charged_back_amount": self.charged_back,
            "balance_amount": (due or 0) - self.kept if priced else None,
            "contact": self.contact | {"phone_e164": _IN_E164[self.contact["phone"]]},
            "shipping_address": self.shipping_address or NO_ADDRESS,
            "billing_address": self.billing_address,
            "note": self.note,
            "metadata": self.metadata,
            "tags": self.tags,
            "reserved_until": self.reserved_until,
            "placed_at": self.placed_at,
            "updated_at": self.updated_at,
            **{name: [_shown(part) for part in getattr(self, name)] for name in _PARTS},
        }

    def learn(self, told: Document) -> None:
        """Take over the ids and moments that the service has chosen."""
        for name in ("id", "number", "reserved_until", "placed_at", "updated_at"):
            if getattr(self, name) is NEW:
                setattr(self, name, told[name])
        for name in _PARTS:
            for part, shown in zip(getattr(self, name), told[name], strict=True):
                for key, value in vars(part).items():
                    if value is NEW:
                        setattr(part, key, shown[key])


def _shown(part: Any) -> Document:
    shown = dict(vars(part))
    for remembered in ("decided", "taken_back"):  # of refunds and credits, but told by their events alone
        shown.pop(remembered, None)
    if "line" in shown:
        del shown["line"]
        shown["amount"] = part.line_amount
    return shown


def _when(fact: Payment) -> tuple[Any, ...]:
    """What has just come in has happened last, unless it says when."""
    return (fact.occurred_at is NEW, str(fact.occurred_at), fact.psp, fact.psp_reference, fact.kind)


def without(left: list[tuple[Payment, int]], amount: int) -> list[tuple[Payment, int]]:
    """From the first, as much as there is; what has nothing left is left out."""
    rest = []
    for fact, there in left:
        part = min(there, amount)
        amount -= part
        if there > part:
            rest.append((fact, there - part))
    return rest


def address_of(asked: Asked | None) -> Document | None:
    """An address without a single line is none."""
    lines = NO_ADDRESS | dict(asked or {})
    return lines if any(lines.values()) else None


def without_personal_data(document: Document) -> Document:
    """As events tell it."""
    return {name: value for name, value in document.items() if name not in PERSONAL}


def applied(document: Document, changes: Mapping[str, tuple[Any, Any]]) -> Document:
    """What an event's changes make of the document before them. Lists of parts tell only the parts that changed."""
    after = dict(document)
    for name, (old, new) in changes.items():
        if name in PERSONAL or name == "deleted":
            continue
        if name not in _PARTS:
            assert document[name] == old
            after[name] = new
            continue
        changed = {part["id"]: part for part in new}
        gone = {part["id"] for part in old} - changed.keys()
        kept = [part | changed.pop(part["id"], {}) for part in document[name] if part["id"] not in gone]
        after[name] = kept + list(changed.values())
    return after
