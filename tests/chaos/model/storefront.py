"""A storefront, its orders and its stock: what every request does to them, or what it is refused with."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from tests.chaos.model import deciding, items, money, parcels, returns
from tests.chaos.model.order import ModelOrder, address_of
from tests.chaos.model.parts import NEW, Asked, Document
from tests.chaos.model.rules import HOLDABLE, NEEDS_REASON, Refused
from tests.chaos.model.telling import Instructions, Outcome, Told

# Each changes the order it is given, and returns what others are to do: None when there is nothing to change.
_OPERATIONS: Final[Mapping[str, Callable[[ModelOrder, Asked, str, ModelStorefront], Instructions | None]]] = {
    "confirm": deciding.confirm,
    "extend": deciding.extend,
    "amend": items.amend,
    "change_details": deciding.change_details,
    "change_customer": deciding.change_customer,
    "pack": parcels.pack,
    "ship": parcels.ship,
    "track": parcels.track,
    "deliver": parcels.deliver,
    "complete": parcels.complete,
    "undo_shipment": parcels.undo_shipment,
    "undo_delivery": parcels.undo_delivery,
    "undo_completion": parcels.undo_completion,
    "cancel": deciding.cancel,
    "reinstate": deciding.reinstate,
    "record_payment": money.record_payment,
    "correct_payment": money.correct_payment,
    "request_refund": money.request_refund,
    "approve_refund": money.approve_refund,
    "reject_refund": money.reject_refund,
    "fail_refund": money.fail_refund,
    "request_return": returns.request_return,
    "approve_return": returns.approve_return,
    "reject_return": returns.reject_return,
    "receive_return": returns.receive_return,
    "close_return": returns.close_return,
    "comment": deciding.comment,
    "hold": deciding.hold,
    "release_hold": deciding.release_hold,
    "delete": deciding.delete,
    "restore": deciding.restore,
    "expire": deciding.expire,
}
# These find out first whether there is anything to change, and only then whether it may be.
_MAY_BE_NO_CHANGE: Final = frozenset({"change_details", "track", "record_payment"})
_OF_DELETED: Final = frozenset({"record_payment", "correct_payment", "restore"})
# After these the storefront's policy is asked.
_MAY_CONFIRM: Final = frozenset(
    {"record_payment", "correct_payment", "amend", "cancel", "release_hold", "restore", "reinstate"}
)
# What a rehearsal tells the differences of.
_MONEY: Final = (
    "items_amount",
    "total_amount",
    "credited_amount",
    "canceled_amount",
    "authorized_amount",
    "captured_amount",
    "refunded_amount",
    "charged_back_amount",
    "due_amount",
    "balance_amount",
)
_FIRST_VERSION_OPERATIONS: Final = {
    "confirmed": "confirm",
    "shipped": "ship",
    "completed": "complete",
    "canceled": "cancel",
}
_FIRST_VERSION_TRACKING: Final = {
    "trackingCompany": "tracking_company",
    "trackingNumber": "tracking_number",
    "trackingLink": "tracking_link",
}


@dataclass
class ModelStorefront:
    code: str
    currency: str
    on_hand: dict[str, int]  # before anything left
    complete_after_days: int
    confirmation_policy: str = "manual"
    refund_approval_above: int | None = None
    orders: list[ModelOrder] = field(default_factory=list)
    # What is held for orders that are not there: not yet, or never, until it is swept.
    held_for_nobody: list[dict[str, int]] = field(default_factory=list)
    inventory_is_up: bool = True

    # --- stock ---

    def on_shelf(self) -> dict[str, list[int]]:
        """Of each product: the units on hand, those of them that are reserved, and those that have left."""
        taken, gone = self._taken(), Counter[str]()
        for order in self.orders:
            gone.update(order.gone)
        return {
            product: [units - gone[product], taken[product] - gone[product], gone[product]]
            for product, units in self.on_hand.items()
        }

    def _taken(self) -> Counter[str]:
        """What others cannot have: on the shelf or gone."""
        units = Counter[str]()
        for order in self.orders:
            units.update(order.held)
        for held in self.held_for_nobody:
            units.update(held)
        return units

    def settle(self, order: ModelOrder) -> None:
        """Tell the inventory what the order needs now, if it waits for that and can be reached."""
        if order.awaits_inventory and self.inventory_is_up:
            order.held, order.gone, order.awaits_inventory = order.units_to_hold(), order.units_gone(), False

    def demand(self, wanted: Mapping[str, int], *, held: Mapping[str, int] | None = None) -> None:
        """Refuse what the inventory cannot hold; what it holds for the order already counts as free."""
        if not self.inventory_is_up:
            raise Refused("inventory_unavailable")
        if wanted.keys() - self.on_hand.keys():
            raise Refused("unknown_product")
        taken = self._taken()
        for product, units in wanted.items():
            if units > self.on_hand[product] - taken[product] + (held or {}).get(product, 0):
                raise Refused("out_of_stock")

    def _hold_more(self, order: ModelOrder, after: ModelOrder, *, rehearsal: bool) -> None:
        """More units are held before they are promised; a refusal leaves order and reservation as they were."""
        had, wanted = order.units_to_hold(), after.units_to_hold()
        if had != wanted:
            after.awaits_inventory = True
        if rehearsal or all(units <= had.get(product, 0) for product, units in wanted.items()):
            return
        at_most = {product: max(had.get(product, 0), wanted.get(product, 0)) for product in {**had, **wanted}}
        try:
            self.demand(at_most, held=order.held)
        except Refused:
            order.awaits_inventory = True
            self.settle(order)
            raise

    def _hold_again(self, order: ModelOrder, after: ModelOrder, *, rehearsal: bool) -> None:
        """It gave its stock back when it was canceled, or deleted while pending: that is free by now."""
        if not rehearsal:
            self.settle(order)
            self.demand(after.units_to_hold())
        after.held, after.gone = after.units_to_hold(), {}
        after.awaits_inventory, after.reserved_until = False, NEW

    # --- placing ---

    def place(self, asked: Sequence[Asked], by: str) -> list[Told | Refused]:
        """Take orders up, or refuse them, each on its own. Stock is given out before references are looked at."""
        drafts = [self._held_draft(each) for each in asked]
        outcomes: list[Told | Refused] = []
        for draft in drafts:
            if isinstance(draft, Refused):
                outcomes.append(draft)
                continue
            reference = draft.external_reference
            first = next(order for order in self.orders if order.external_reference == reference)
            if reference is not None and first is not draft:
                self.orders = [order for order in self.orders if order is not draft]
                outcomes.append(Refused("duplicate_reference"))
            else:
                outcomes.append(Told(draft, "place", by, {}, draft.document()))
        return outcomes

    def _held_draft(self, asked: Asked) -> ModelOrder | Refused:
        try:
            draft = self._draft(asked)
            self.demand(draft.units_to_hold())
        except Refused as refused:
            return refused
        draft.held = draft.units_to_hold()
        self.orders.append(draft)
        return draft

    def units_asked(self, asked: Asked) -> dict[str, int]:
        """What has to be held to place the order."""
        return self._draft(asked).units_to_hold()

    def knows_reference(self, asked: Asked) -> bool:
        reference = asked.get("external_reference")
        return reference is not None and any(order.external_reference == reference for order in self.orders)

    def _draft(self, asked: Asked) -> ModelOrder:
        draft = ModelOrder(
            storefront=self.code,
            customer_id=asked["customer_id"],
            currency=asked.get("currency"),
            items=[items.new_item(line) for line in asked["items"]],
            external_reference=asked.get("external_reference"),
            note=asked.get("note", ""),
            metadata=asked.get("metadata", {}),
            tags=sorted(set(asked.get("tags", []))),
            contact={"email": None, "phone": None} | asked.get("contact", {}),
            shipping_address=address_of(asked.get("shipping_address")),
            billing_address=address_of(asked.get("billing_address")),
        )
        draft.tax_included = asked.get("tax_included", False)
        items.sum_up(draft, asked, self)
        if draft.total_amount == 0 and self.confirmation_policy != "manual":
            draft.status = "confirmed"
        return draft

    # --- operations ---

    def perform(
        self, order: ModelOrder, operation: str, asked: Asked, by: str, *, version: int | None = None
    ) -> list[Told]:
        """Do it; return the events it is told by, none when it changed nothing. Raises Refused."""
        outcome = self._outcome(order, operation, asked, by, version=version)
        if outcome.told:
            vars(order).update(vars(outcome.order))
            self.settle(order)
        return outcome.told

    def rehearse(self, order: ModelOrder, operation: str, asked: Asked, by: str) -> Outcome:
        """What it would do. Stock that is not there shows only when it is done: a rehearsal asks no inventory."""
        outcome = self._outcome(order, operation, asked, by, rehearsal=True)
        before, after = order.document(), outcome.order.document()
        money = {name: (after[name] or 0) - (before[name] or 0) for name in _MONEY}
        outcome.money = {name: amount for name, amount in money.items() if amount}
        units = Counter(outcome.order.units_to_hold())
        units.subtract(order.units_to_hold())
        outcome.stock = {product: count for product, count in units.items() if count}
        return outcome

    def _outcome(
        self,
        order: ModelOrder,
        operation: str,
        asked: Asked,
        by: str,
        *,
        version: int | None = None,
        rehearsal: bool = False,
    ) -> Outcome:
        _check_choices(operation, asked)
        if order.deleted and operation not in _OF_DELETED:
            raise Refused("order_not_found")
        if version not in (None, order.version):
            raise Refused("version_mismatch")
        if operation not in _MAY_BE_NO_CHANGE:
            order.refuse_first(operation, by)
        after = copy.deepcopy(order)
        instructions = _OPERATIONS[operation](after, asked, by, self)
        if instructions is None:
            return Outcome(order, [])
        if operation == "amend":
            self._hold_more(order, after, rehearsal=rehearsal)
        if operation == "restore" and after.status == "pending":
            self._hold_again(order, after, rehearsal=rehearsal)
        if operation == "reinstate":
            self._hold_again(order, after, rehearsal=rehearsal)
            after.awaits_inventory = after.status == "confirmed"
        if operation in _MAY_CONFIRM:
            self._confirm_by_policy(after)
        after.version, after.updated_at = after.version + 1, NEW
        return Outcome(after, [Told(order, operation, by, order.document(), after.document(), instructions)])

    def _confirm_by_policy(self, order: ModelOrder) -> None:
        """An order with money is confirmed by itself as soon as that covers what is due, unless it is held up."""
        if order.status != "pending" or order.deleted or any("confirm" in hold.blocks for hold in order.holds):
            return
        covered = {
            "manual": 0,
            "on_authorization": order.kept + max(0, order.authorized - order.captured),
            "on_payment": order.kept,
        }[self.confirmation_policy]
        free = order.total_amount == 0 and self.confirmation_policy != "manual"
        if covered >= (order.due or 0) and (covered > 0 or free):
            order.status, order.awaits_inventory = "confirmed", True

    # --- what happens by itself ---

    def expire(self, now: datetime) -> list[Told]:
        """Pending orders past their time, for which no money was recorded."""
        told = []
        for order in self.orders:
            expired = order.status == "pending" and not order.deleted and _moment(order.reserved_until) < now
            held_up = any("expire" in hold.blocks for hold in order.holds)
            if expired and not held_up and not order.money_on_it:
                told += self.perform(order, "expire", {}, "system:sweep")
        return told

    def complete_delivered(self, now: datetime) -> list[Told]:
        told = []
        for order in self.orders:
            arrived = None if order.status != "shipped" or order.deleted else order.delivered_at
            held_up = any("complete" in hold.blocks for hold in order.holds)
            if arrived and not held_up and _moment(arrived) < now - timedelta(days=self.complete_after_days):
                told += self.perform(order, "complete", {}, "system:sweep")
        return told

    # --- the first version's own call ---

    def first_version_update(self, order: ModelOrder, asked: Asked, by: str) -> list[Told]:
        """A status stands for the operation that leads there; then the tracking is set. Refused, all is as it was."""
        before = copy.deepcopy(vars(order))
        try:
            return self._first_version_updated(order, asked, by)
        except Refused:
            vars(order).update(before)
            raise

    def _first_version_updated(self, order: ModelOrder, asked: Asked, by: str) -> list[Told]:
        if order.deleted:
            raise Refused("order_not_found")
        tracking = {name: asked[key] for key, name in _FIRST_VERSION_TRACKING.items() if asked.get(key)}
        wanted = asked.get("status", order.status)
        if wanted != order.status and wanted not in _FIRST_VERSION_OPERATIONS:
            raise Refused("invalid_transition")
        told = []
        if asked.get("customerId"):
            told += self.perform(order, "change_customer", {"customer_id": asked["customerId"]}, by)
        if wanted == order.status:
            return told + (self.perform(order, "track", tracking, by) if tracking else [])
        latest = vars(order.shipments[-1]) if order.shipments else {}
        retracks = any(latest.get(name) != value for name, value in tracking.items())
        operation = _FIRST_VERSION_OPERATIONS[wanted]
        if (order.status, wanted) == ("pending", "shipped"):
            told += self.perform(order, "confirm", {}, by)
        told += self.perform(order, operation, tracking if wanted == "shipped" else {}, by)
        if retracks and wanted != "shipped":
            told += self.perform(order, "track", tracking, by)
        return told


def first_version_document(order: ModelOrder) -> Document:
    """An order in the first version's words."""
    tracking = vars(order.shipments[-1]) if order.shipments else {}
    holds_stock = order.status != "canceled"
    lines = [
        {
            "id": item.id,
            "orderId": order.id,
            "productId": item.product_id,
            "quantity": item.quantity,
            "reserved": holds_stock and item.canceled < item.quantity,
        }
        for item in order.items
    ]
    return {
        "orderId": order.id,
        "customerId": order.customer_id,
        "status": order.status,
        "items": lines,
        **{key: tracking.get(name) for key, name in _FIRST_VERSION_TRACKING.items()},
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _check_choices(operation: str, asked: Asked) -> None:
    """What no order takes, whatever it is like."""
    if operation == "cancel" and asked.get("cause") == "expired":
        raise Refused("validation_error")
    if operation in NEEDS_REASON and not asked.get("reason", "").strip():
        raise Refused("validation_error")
    if operation == "record_payment" and asked["kind"] == "correction":
        raise Refused("validation_error")
    if operation == "hold" and set(asked.get("blocks", ())) - HOLDABLE:
        raise Refused("validation_error")
