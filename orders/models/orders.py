"""An order: what it holds, and how it changes in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Never
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Lower, Reverse
from django.db.models.lookups import IsNull

from orders.models.items import OrderItem
from orders.models.parts import Parts
from orders.models.querysets import (
    ADDRESS_WORDS,
    ADDRESSED,
    ENDED,
    KNOWN_CUSTOMER,
    PROMISED_DAY,
    AllOrdersManager,
    OrderManager,
)
from orders.rules.callers import CUSTOMER_CHECK
from orders.rules.credits import Sold, SoldLine, beyond_due
from orders.rules.ids import new_id
from orders.rules.money import payment_status_of
from orders.rules.phones import LONGEST_E164
from orders.rules.statuses import (
    RULES,
    CancelReason,
    ConfirmationPolicy,
    FulfillmentStatus,
    OrderStatus,
    PaymentStatus,
    StatusRules,
)


class Order(models.Model):
    """One order, kept for ever. Only `orders.operations` writes it."""

    objects = OrderManager()  # first, so the default: deleted orders stay hidden
    all_objects = AllOrdersManager()

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # No database constraint: it would make every placement lock its storefront's row.
    storefront = models.ForeignKey(
        "orders.Storefront", models.PROTECT, db_constraint=False, db_index=False, related_name="orders"
    )
    number = models.CharField(max_length=20)
    external_reference = models.CharField(max_length=100, null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    status = models.CharField(max_length=20, choices=OrderStatus.choices, default=OrderStatus.PENDING)
    payment_status = models.CharField(max_length=20, choices=PaymentStatus.choices, default=PaymentStatus.UNPAID)
    fulfillment_status = models.CharField(
        max_length=20, choices=FulfillmentStatus.choices, default=FulfillmentStatus.UNFULFILLED
    )
    cancel_reason = models.CharField(max_length=20, choices=CancelReason.choices, null=True, blank=True)

    customer_id = models.CharField(max_length=200)
    currency = models.CharField(max_length=3, null=True, blank=True)
    items_amount = models.BigIntegerField(null=True, blank=True)
    shipping_amount = models.BigIntegerField(default=0)
    tax_amount = models.BigIntegerField(default=0)
    discount_amount = models.BigIntegerField(default=0)
    # Whether the prices of the items include their tax; otherwise it comes on top.
    tax_included = models.BooleanField(default=False, db_default=False)
    total_amount = models.BigIntegerField(null=True, blank=True)

    # Derived, and written by the operations that change what they are derived from.
    # All credits, and those of them for canceled units.
    credited_amount = models.BigIntegerField(default=0, db_default=0)
    canceled_amount = models.BigIntegerField(default=0, db_default=0)
    credit_count = models.PositiveIntegerField(default=0, db_default=0)
    authorized_amount = models.BigIntegerField(default=0, db_default=0)
    captured_amount = models.BigIntegerField(default=0, db_default=0)
    refunded_amount = models.BigIntegerField(default=0, db_default=0)
    charged_back_amount = models.BigIntegerField(default=0, db_default=0)
    refund_pending_amount = models.BigIntegerField(default=0, db_default=0)
    payment_count = models.PositiveIntegerField(default=0, db_default=0)

    contact_email = models.CharField(max_length=254, null=True, blank=True)
    contact_phone = models.CharField(max_length=300, null=True, blank=True)
    # Derived from it, in the country of the addresses: what other systems dial, and the back office looks up.
    contact_phone_e164 = models.CharField(max_length=LONGEST_E164, null=True, blank=True)
    shipping_address = models.JSONField(null=True, blank=True)
    billing_address = models.JSONField(null=True, blank=True)
    note = models.TextField(max_length=5000, blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, db_default=[], blank=True)
    # The holds that are in force: id, kind, blocks, placed_by, placed_at. Ended ones stand in the event log.
    holds = models.JSONField(default=list, db_default=Value([], models.JSONField()), blank=True)

    # The hold this order stands on; none when history was imported. One hold, one order.
    reservation_id = models.UUIDField(null=True, blank=True)
    reserved_until = models.DateTimeField(null=True, blank=True)
    # What the inventory has still to be told; cleared once it has been.
    stock_action = models.CharField(
        max_length=10,
        null=True,
        blank=True,
        choices=[("confirm", "Confirm"), ("adjust", "Adjust"), ("release", "Release")],
    )
    # Counts what the reservation was to be made of: the inventory takes only a higher one for a change.
    stock_revision = models.PositiveIntegerField(default=1, db_default=1)

    placed_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)  # of the last parcel, once all units are there
    # Since when it is completed, canceled or deleted; of those from before this was written down nobody knows.
    ended_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.CharField(max_length=200, null=True, blank=True)
    deleted_reason = models.CharField(max_length=500, null=True, blank=True)

    class Meta:
        base_manager_name = "all_objects"
        permissions = [
            ("view_personal_data", "Can see contact, addresses and note"),
            ("erase_customer", "Can export and erase all there is about a customer"),
            ("change_order_details", "Can change note, tags, contact and addresses"),
            ("amend_order", "Can amend the items of orders"),
            ("confirm_order", "Can confirm orders and extend reservations"),
            ("ship_order", "Can pack, ship, deliver and complete orders"),
            ("undo_fulfillment", "Can take back shipments, deliveries and completions"),
            ("track_shipment", "Can change tracking"),
            ("cancel_order", "Can cancel orders"),
            ("reinstate_order", "Can reinstate canceled orders"),
            ("comment_order", "Can comment on orders"),
            ("hold_order", "Can hold orders up and release holds"),
            ("record_payment", "Can record payments"),
            ("correct_payment", "Can take back payments that were recorded by mistake"),
            ("request_refund", "Can request refunds"),
            ("approve_refund", "Can approve and reject refunds"),
            ("handle_return", "Can request, approve and reject returns"),
            ("receive_return", "Can receive returns"),
            ("restore_order", "Can restore deleted orders"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["storefront", "number"], name="order_number_once"),
            models.UniqueConstraint(
                fields=["storefront", "external_reference"],
                condition=~Q(external_reference=None),
                name="order_reference_once",
            ),
            models.UniqueConstraint(
                fields=["reservation_id"], condition=~Q(reservation_id=None), name="order_reservation_once"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="order_version_positive"),
            models.CheckConstraint(condition=Q(status__in=OrderStatus.values), name="order_status_known"),
            models.CheckConstraint(
                condition=Q(total_amount=None)
                | Q(items_amount=None)
                | Q(
                    tax_included=False,
                    total_amount=F("items_amount") + F("shipping_amount") + F("tax_amount") - F("discount_amount"),
                )
                | Q(tax_included=True, total_amount=F("items_amount") + F("shipping_amount") - F("discount_amount")),
                name="order_total_adds_up",
            ),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.CANCELED) | ~Q(cancel_reason=None),
                name="order_canceled_says_why",
            ),
            models.CheckConstraint(
                condition=Q(
                    canceled_amount__gte=0,
                    credited_amount__gte=0,
                    authorized_amount__gte=0,
                    captured_amount__gte=0,
                    refunded_amount__gte=0,
                    charged_back_amount__gte=0,
                    refund_pending_amount__gte=0,
                ),
                name="order_amounts_not_negative",
            ),
        ]
        indexes = [
            # Lists of a storefront, newest first. `placed_at` says what the id says already; it stands here
            # because the primary key could give the order by id too, and the planner would walk it: through
            # everybody's orders, when this storefront's are all old. Deleted ones stand in it too: they are few.
            models.Index(fields=["storefront", "-placed_at", "-id"], name="order_list"),
            models.Index(fields=["storefront", "status", "-placed_at", "-id"], name="order_list_of_status"),
            models.Index(fields=["storefront", "customer_id", "-placed_at", "-id"], name="order_list_of_customer"),
            # What the back office looks up besides: an e-mail address, how a telephone number ends, and deleted
            # orders (hardly any).
            models.Index(Lower("contact_email"), name="order_contact_mail", condition=~Q(contact_email=None)),
            # The release before this one looks e-mail addresses up by it; it goes with the next.
            models.Index(fields=["contact_email"], name="order_contact_email", condition=~Q(contact_email=None)),
            models.Index(
                OpClass(Reverse("contact_phone_e164"), name="text_pattern_ops"),
                name="order_contact_phone",
                condition=~Q(contact_phone_e164=None),
            ),
            models.Index(fields=["-id"], name="order_deleted", condition=~Q(deleted_at=None)),
            # Names and postal codes. Without a list of what is still to be entered: whoever places the order that
            # fills it would wait for all of them.
            GinIndex(ADDRESS_WORDS, name="order_address_words", condition=ADDRESSED, fastupdate=False),
            # What the sweeper cancels when its time has come.
            models.Index(
                fields=["reserved_until"],
                name="order_expires",
                condition=Q(status=OrderStatus.PENDING, deleted_at=None),
            ),
            # What the sweeper completes when its time has come.
            models.Index(
                fields=["storefront", "delivered_at"],
                name="order_to_complete",
                condition=Q(status=OrderStatus.SHIPPED, deleted_at=None) & ~Q(delivered_at=None),
            ),
            # Which of what is to be shipped is late: by the day that was promised, or the age of the others. Every day
            # is known; that it has to be keeps the planner from reading lists of confirmed orders from here.
            models.Index(
                "storefront",
                PROMISED_DAY,
                "placed_at",
                name="order_to_ship",
                condition=Q(IsNull(PROMISED_DAY, False), status=OrderStatus.CONFIRMED, deleted_at=None),
            ),
            # What the sweeper erases when its time has come.
            models.Index(
                "storefront", Coalesce("ended_at", "placed_at"), name="order_to_erase", condition=ENDED & KNOWN_CUSTOMER
            ),
            # Orders that are held up, for the back office and `doctor`.
            models.Index(fields=["-id"], name="order_held_up", condition=~Q(holds=[])),
            # What the sweeper repeats at the inventory: hardly ever more than a few rows.
            models.Index(fields=["id"], name="order_awaits_inventory", condition=~Q(stock_action=None)),
        ]

    def __str__(self) -> str:
        return self.number

    def delete(self, *args: Any, **kwargs: Any) -> Never:
        raise TypeError("Orders are never removed; call operations.delete_order().")

    # --- what there is of this order ---

    @cached_property
    def parts(self) -> Parts:
        return Parts(self)

    @property
    def rules(self) -> StatusRules:
        return RULES[OrderStatus(self.status)]

    @property
    def lines(self) -> list[OrderItem]:
        """Its items, loaded once: a change of one is seen by all who ask for them."""
        return self.parts.lines

    def take_lines(self, lines: list[OrderItem]) -> None:
        """Items have been added or removed: these are all there are now."""
        self.parts.lines = lines

    @property
    def has_shipped(self) -> bool:
        return self.fulfillment_status != FulfillmentStatus.UNFULFILLED

    @property
    def due_amount(self) -> int | None:
        """What the customer owes in all, in minor units; None when the order has no prices."""
        if self.total_amount is None:
            return 0 if self.status == OrderStatus.CANCELED else None
        return max(0, self.total_amount - self.credited_amount)

    @property
    def ordered_amount(self) -> int | None:
        """What the units that are not canceled came to when they were ordered; None when the order has no prices."""
        if self.total_amount is None:
            return 0 if self.status == OrderStatus.CANCELED else None
        return max(0, self.total_amount - self.canceled_amount)

    @property
    def kept_amount(self) -> int:
        """What was captured and not given back."""
        return self.captured_amount - self.refunded_amount - self.charged_back_amount

    @property
    def refundable_amount(self) -> int:
        """What can still be asked to be given back."""
        return max(0, self.kept_amount - self.refund_pending_amount)

    @property
    def overpaid_amount(self) -> int:
        """What is kept beyond what is due, and not about to be given back yet; nobody knows without prices."""
        if self.due_amount is None:
            return 0
        return beyond_due(kept=self.kept_amount, pending=self.refund_pending_amount, due=self.due_amount)

    @property
    def money_on_it(self) -> int:
        """What was captured and not given back, or can still be captured."""
        return max(0, self.kept_amount) + max(0, self.authorized_amount - self.captured_amount)

    def sold(self) -> Sold:
        """Its amounts, for the arithmetic of credits; of an order that has a total."""
        lines = [
            SoldLine(item.pk, item.quantity, item.line_amount or 0, item.discount_amount or 0, item.tax_amount)
            for item in self.lines
        ]
        return Sold(lines, self.total_amount or 0, self.discount_amount, self.tax_amount, self.tax_included)

    def ended_units(self) -> dict[UUID, int]:
        """By item id: canceled, or back."""
        return {item.pk: item.canceled + item.returned for item in self.lines}

    def stock_units(self) -> dict[str, int]:
        """What its reservation is to be: units of each product that are not canceled or back on the shelf."""
        units: Counter[str] = Counter()
        for item in self.lines:
            units[item.product_id] += item.quantity - item.canceled - item.restocked
        return {product_id: count for product_id, count in units.items() if count > 0}

    def shipped_units(self) -> dict[str, int]:
        """What of that has left the shelf and is not back."""
        units: Counter[str] = Counter()
        for item in self.lines:
            units[item.product_id] += item.shipped - item.restocked
        return {product_id: count for product_id, count in units.items() if count > 0}

    def blocking_holds(self, operation: str) -> list[dict[str, Any]]:
        return [hold for hold in self.holds if operation in hold["blocks"]]

    @property
    def review_holds(self) -> list[dict[str, Any]]:
        """Those of a customer who could not be checked."""
        return [hold for hold in self.holds if hold["placed_by"] == CUSTOMER_CHECK.actor]

    # --- the changes themselves (in memory; operations check, lock and save) ---

    def confirm(self) -> None:
        self.status = OrderStatus.CONFIRMED
        self._tell_inventory("confirm")

    def confirm_by_policy(self) -> None:
        """What the storefront wants to be confirmed by itself is, unless a hold blocks it."""
        if self.status != OrderStatus.PENDING or self.deleted_at is not None or self.blocking_holds("confirm"):
            return
        match self.storefront.confirmation_policy:
            case ConfirmationPolicy.ON_AUTHORIZATION:
                covered = self.kept_amount + max(0, self.authorized_amount - self.captured_amount)
            case ConfirmationPolicy.ON_PAYMENT:
                covered = self.kept_amount
            case _:
                return
        nothing_to_pay = self.total_amount == 0
        if covered >= (self.due_amount or 0) and (covered > 0 or nothing_to_pay):
            self.confirm()

    def cancel_units(self, units: Mapping[UUID, int], cause: CancelReason) -> None:
        """End some open units, by item id; the order ends with the last of them, unless some have been shipped."""
        self._count("canceled", units)
        self._roll_up(cause)
        self.stock_changed()

    def ship_units(self, units: Mapping[UUID, int]) -> None:
        self._count("shipped", units)
        self._roll_up(None)

    def unship_units(self, units: Mapping[UUID, int]) -> None:
        """They have not left after all; nothing of them has come back."""
        self._count("shipped", {item_id: -count for item_id, count in units.items()})
        self.status, self.fulfillment_status = OrderStatus.CONFIRMED, FulfillmentStatus.UNFULFILLED
        self._roll_up(None)

    def _count(self, column: str, more: Mapping[UUID, int]) -> None:
        """So many units more of each item, by its id."""
        for item in self.lines:
            if count := more.get(item.pk):
                setattr(item, column, getattr(item, column) + count)
                self.parts.change(item, column)

    def _roll_up(self, cause: CancelReason | None) -> None:
        """Draw status and fulfillment from the ledger of the items."""
        shipped = sum(item.shipped for item in self.lines)
        still_open = sum(item.open for item in self.lines)
        if shipped:
            fulfilled = FulfillmentStatus.PARTIAL if still_open else FulfillmentStatus.FULFILLED
            self.fulfillment_status = fulfilled
            if not still_open:
                self.status = OrderStatus.SHIPPED
        elif not still_open:
            self.status, self.cancel_reason = OrderStatus.CANCELED, cause
        self.derive_money()

    def complete(self) -> None:
        self.status = OrderStatus.COMPLETED

    def reopen(self) -> None:
        self.status = OrderStatus.SHIPPED

    def derive_money(self) -> None:
        """Draw the payment status from credits and payments."""
        self.payment_status = payment_status_of(
            authorized=self.authorized_amount,
            captured=self.captured_amount,
            kept=self.kept_amount,
            ordered=self.ordered_amount,
            due=self.due_amount,
            total=self.total_amount,
        )

    def derive_delivery(self) -> None:
        """When the last parcel arrived, once every unit has been shipped and every parcel is there."""
        self.delivered_at = None
        if self.status in (OrderStatus.SHIPPED, OrderStatus.COMPLETED):
            arrivals = [parcel.delivered_at for parcel in self.parts.parcels if parcel.shipped_at]
            if arrivals and None not in arrivals:
                self.delivered_at = max(arrival for arrival in arrivals if arrival is not None)

    @property
    def has_ended(self) -> bool:
        return self.status in (OrderStatus.COMPLETED, OrderStatus.CANCELED) or self.deleted_at is not None

    def derive_end(self, *, had_ended: bool) -> None:
        """Since when it is completed, canceled or deleted: since this change, if it was not before.

        What stands there is asked nothing: a release that does not know of it may have changed the order.
        """
        if not self.has_ended:
            self.ended_at = None
        elif not had_ended:
            self.ended_at = self.updated_at

    def mark_deleted(self, *, now: datetime, by: str, reason: str) -> None:
        self.deleted_at, self.deleted_by, self.deleted_reason = now, by, reason
        if self.status == OrderStatus.PENDING:
            self._tell_inventory("release")

    @property
    def needs_stock_to_be_restored(self) -> bool:
        """Deleting a pending order gave its stock back."""
        return self.status == OrderStatus.PENDING and self.reservation_id is not None

    def mark_restored(self, *, reservation_id: UUID | None, reserved_until: datetime | None) -> None:
        """Back into the lists; a pending order stands on the new hold that the caller has made for it."""
        self.deleted_at = self.deleted_by = self.deleted_reason = None
        if self.needs_stock_to_be_restored:
            # The revision counts on: a late answer about the old hold is never taken for one about the new.
            self.reservation_id, self.reserved_until = reservation_id, reserved_until

    def mark_reinstated(self, canceled: Mapping[UUID, int], *, reservation_id: UUID, reserved_until: datetime) -> None:
        """Pending again, on the new hold that the caller has made for it; of each item, by id, so many are canceled."""
        self._count("canceled", {item.pk: canceled[item.pk] - item.canceled for item in self.lines})
        self.status, self.cancel_reason = OrderStatus.PENDING, None
        self.reservation_id, self.reserved_until = reservation_id, reserved_until

    def take_back(self, units: Mapping[UUID, int], *, restocked: Mapping[UUID, int]) -> None:
        """They have come back, by item id; some of them can be sold again."""
        self._count("returned", units)
        self._count("restocked", restocked)

    def stock_changed(self) -> None:
        """Its reservation is to hold other units than before, other ones of them have left, or it is to hold none."""
        self._tell_inventory("adjust" if self.stock_units() else "release")

    def _tell_inventory(self, action: str) -> None:
        """`adjust` confirms too where that is due, and nothing follows a release.

        The revision counts in any case: an adjustment that is on its way knows nothing of what is asked for now.
        """
        if self.reservation_id is None or self.stock_action == "release":
            return
        if not (action == "confirm" and self.stock_action == "adjust"):
            self.stock_action = action
        self.stock_revision += 1
