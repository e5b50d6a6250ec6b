"""Storefronts, their API keys, and orders with their items and shipments."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Never
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from rest_framework_api_key.models import AbstractAPIKey

from orders import errors
from orders.ids import new_id
from orders.querysets import AllOrdersManager, OrderManager
from orders.scopes import Scope
from orders.statuses import RULES, CancelReason, FulfillmentStatus, OrderStatus, PaymentStatus, StatusRules


class Storefront(models.Model):
    """A shop that places orders: everything of an order belongs to exactly one."""

    code = models.CharField(
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9]+(-[a-z0-9]+)*$", "Lower-case letters, digits and single dashes.")],
        help_text="Stands in addresses, events and keys, such as “au” or “br-south”. Never changes.",
    )
    name = models.CharField(max_length=100)
    number_prefix = models.CharField(
        max_length=6,
        validators=[RegexValidator(r"^[A-Z0-9]{1,6}$", "One to six capital letters or digits.")],
        help_text="Begins every order number: “AU” gives AU-7K3M9QXD4F.",
    )
    currency = models.CharField(
        max_length=3, blank=True, help_text="ISO 4217. Taken when an order with prices names none."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return str(self.code)

    @staticmethod
    def number_prefix_for(code: str) -> str:
        """The initials of a code of several words, or the beginning of a single one: br-south → BRS."""
        words = re.findall(r"[A-Z0-9]+", code.upper())
        if len(words) < 2:
            return (words[0] if words else "X")[:4]
        initials = "".join(word[0] for word in words[1:])
        return f"{words[0][:2]}{initials}"[:6]


class ApiKey(AbstractAPIKey):
    """A key that acts for one storefront, within its scopes. The library's manager makes it and stores its hash."""

    storefront = models.ForeignKey(Storefront, models.PROTECT, related_name="api_keys")
    scopes = ArrayField(models.CharField(max_length=40, choices=Scope.choices), default=list)

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"


class Order(models.Model):
    """One order, kept for ever. Only `orders.operations` writes it."""

    objects = OrderManager()  # first, so the default: deleted orders stay hidden
    all_objects = AllOrdersManager()

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # No database constraint: it would make every placement lock its storefront's row.
    storefront = models.ForeignKey(
        Storefront, models.PROTECT, db_constraint=False, db_index=False, related_name="orders"
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
    total_amount = models.BigIntegerField(null=True, blank=True)

    contact_email = models.CharField(max_length=254, null=True, blank=True)
    contact_phone = models.CharField(max_length=40, null=True, blank=True)
    shipping_address = models.JSONField(null=True, blank=True)
    billing_address = models.JSONField(null=True, blank=True)
    note = models.TextField(max_length=5000, blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)

    # The hold this order stands on; none when history was imported. One hold, one order.
    reservation_id = models.UUIDField(null=True, blank=True)
    reserved_until = models.DateTimeField(null=True, blank=True)
    # What the inventory has still to be told; cleared once it has been.
    stock_action = models.CharField(
        max_length=10, null=True, blank=True, choices=[("confirm", "Confirm"), ("release", "Release")]
    )

    placed_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.CharField(max_length=200, null=True, blank=True)
    deleted_reason = models.CharField(max_length=500, null=True, blank=True)

    class Meta:
        base_manager_name = "all_objects"
        permissions = [
            ("change_order_details", "Can change note, contact, addresses and tracking"),
            ("confirm_order", "Can confirm orders"),
            ("ship_order", "Can ship and complete orders"),
            ("cancel_order", "Can cancel orders"),
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
                | Q(total_amount=F("items_amount") + F("shipping_amount") + F("tax_amount") - F("discount_amount")),
                name="order_total_adds_up",
            ),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.CANCELED) | ~Q(cancel_reason=None),
                name="order_canceled_says_why",
            ),
        ]
        indexes = [
            # Lists of a storefront, newest first. `placed_at` says what the id says already; it stands here
            # because the primary key could give the order by id too, and the planner would walk it: through
            # everybody's orders, when this storefront's are all old. Deleted ones stand in it too: they are few.
            models.Index(fields=["storefront", "-placed_at", "-id"], name="order_list"),
            models.Index(fields=["storefront", "status", "-placed_at", "-id"], name="order_list_of_status"),
            models.Index(fields=["storefront", "customer_id", "-placed_at", "-id"], name="order_list_of_customer"),
            # What the back office looks up besides: an e-mail address, and deleted orders (hardly any).
            models.Index(fields=["contact_email"], name="order_contact_email", condition=~Q(contact_email=None)),
            models.Index(fields=["-id"], name="order_deleted", condition=~Q(deleted_at=None)),
            # What the sweeper cancels when its time has come.
            models.Index(
                fields=["reserved_until"],
                name="order_expires",
                condition=Q(status=OrderStatus.PENDING, deleted_at=None),
            ),
            # What the sweeper repeats at the inventory: hardly ever more than a few rows.
            models.Index(fields=["id"], name="order_awaits_inventory", condition=~Q(stock_action=None)),
        ]

    def __str__(self) -> str:
        return self.number

    def delete(self, *args: Any, **kwargs: Any) -> Never:
        raise TypeError("Orders are never removed; call operations.delete_order().")

    # --- what this order allows, and the changes themselves (in memory; operations lock and save) ---

    @property
    def rules(self) -> StatusRules:
        return RULES[OrderStatus(self.status)]

    def _move_to(self, wanted: OrderStatus) -> None:
        if wanted not in self.rules.next_statuses:
            raise errors.InvalidTransition(self.status, wanted, self.rules.next_statuses)
        self.status = wanted

    def confirm(self) -> None:
        self._move_to(OrderStatus.CONFIRMED)
        self._tell_inventory("confirm")

    def cancel(self, cause: CancelReason) -> None:
        self._move_to(OrderStatus.CANCELED)
        self.cancel_reason = cause
        self._tell_inventory("release")

    def ship(self) -> None:
        """Every open unit has left. The caller records the shipment and the items' counts."""
        self._move_to(OrderStatus.SHIPPED)
        self.fulfillment_status = FulfillmentStatus.FULFILLED

    def complete(self) -> None:
        self._move_to(OrderStatus.COMPLETED)

    def check_editable(self, what: str) -> None:
        """`what` is "contact", "address" or "tracking". Note and metadata are free in every status."""
        if not getattr(self.rules, f"{what}_editable"):
            raise errors.DetailsLocked(what, self.status)

    def mark_deleted(self, *, now: datetime, by: str, reason: str) -> None:
        if not self.rules.deletable:
            raise errors.NotDeletable(self.status, [status for status, rules in RULES.items() if rules.deletable])
        self.deleted_at, self.deleted_by, self.deleted_reason = now, by, reason
        if self.status == OrderStatus.PENDING:
            self._tell_inventory("release")

    @property
    def needs_stock_to_be_restored(self) -> bool:
        """Deleting a pending order gave its stock back."""
        return self.status == OrderStatus.PENDING and self.reservation_id is not None

    def mark_restored(self, *, reservation_id: UUID | None, reserved_until: datetime | None) -> None:
        """Back into the lists; a pending order stands on the new hold that the caller has made for it."""
        if self.deleted_at is None:
            raise errors.NotDeleted(self.pk)
        self.deleted_at = self.deleted_by = self.deleted_reason = None
        if self.needs_stock_to_be_restored:
            self.reservation_id, self.reserved_until = reservation_id, reserved_until

    def _tell_inventory(self, action: str) -> None:
        if self.reservation_id is not None:
            self.stock_action = action


class OrderItem(models.Model):
    """One line of an order, with the ledger of its units."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # No database constraint: checking it slows a fresh database fourfold until it is analysed, and
    # one statement writes order and items together. `manage.py doctor`-like checks are tests.
    order = models.ForeignKey(Order, models.PROTECT, db_constraint=False, db_index=False, related_name="items")
    storefront = models.ForeignKey(Storefront, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    position = models.PositiveSmallIntegerField()
    product_id = models.CharField(max_length=200)
    name = models.CharField(max_length=300, null=True, blank=True)
    quantity = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    unit_amount = models.BigIntegerField(null=True, blank=True)
    canceled = models.PositiveIntegerField(default=0)
    shipped = models.PositiveIntegerField(default=0)
    returned = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="order_item_position_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_item_quantity_positive"),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("canceled") + F("shipped")), name="order_item_within_ordered"
            ),
            models.CheckConstraint(condition=Q(returned__lte=F("shipped")), name="order_item_returned_was_shipped"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product_id}"


class Shipment(models.Model):
    """A parcel of an order. Without `shipped_at` it is being prepared."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="shipments")
    storefront = models.ForeignKey(Storefront, models.PROTECT, db_index=False, related_name="+")
    tracking_company = models.CharField(max_length=100, null=True, blank=True)
    tracking_number = models.CharField(max_length=100, null=True, blank=True)
    tracking_link = models.URLField(max_length=500, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    shipped_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            # The back office finds an order by the number on its parcel.
            models.Index(
                fields=["tracking_number"], name="shipment_tracking_number", condition=~Q(tracking_number=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.tracking_company or 'Shipment'} {self.tracking_number or ''}".strip()


class IdempotentAnswer(models.Model):
    """The answer that a repeat of the same request gets again, byte for byte."""

    pk = models.CompositePrimaryKey("storefront_id", "key")
    storefront_id = models.IntegerField()
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField()
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        # Pruning reads the old end; a BRIN index costs an insert next to nothing.
        indexes = [BrinIndex(fields=["created_at"], name="idempotent_answer_age", autosummarize=True)]

    def __str__(self) -> str:
        return self.key
