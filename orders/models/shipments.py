"""Parcels and what is in them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from uuid import UUID

from django.db import models
from django.db.models import Q, prefetch_related_objects
from django.utils import timezone

from orders.rules.ids import new_id


class Shipment(models.Model):
    """A parcel of an order. Without `shipped_at` it is being prepared, and claims no units yet."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="shipments")
    storefront = models.ForeignKey("orders.Storefront", models.PROTECT, db_index=False, related_name="+")
    tracking_company = models.CharField(max_length=100, null=True, blank=True)
    tracking_number = models.CharField(max_length=100, null=True, blank=True)
    tracking_link = models.URLField(max_length=500, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    packed_at = models.DateTimeField(null=True, blank=True)
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

    @property
    def state(self) -> str:
        """Where it is, in words."""
        if self.delivered_at is not None:
            return "delivered"
        return "being prepared" if self.shipped_at is None else "on its way"

    @cached_property
    def contents(self) -> list[ShipmentItem]:
        """What is in it, loaded once."""
        return [] if self._state.adding else list(self.items.all())

    def units(self) -> dict[UUID, int]:
        """What is in it, by item id."""
        return {line.item_id: line.quantity for line in self.contents}


class ShipmentItem(models.Model):
    """Units of one item in one parcel."""

    shipment = models.ForeignKey(Shipment, models.CASCADE, related_name="items")
    item = models.ForeignKey("orders.OrderItem", models.PROTECT, db_constraint=False, related_name="+")
    storefront = models.ForeignKey("orders.Storefront", models.PROTECT, db_index=False, related_name="+")
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["shipment", "item"], name="shipment_item_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="shipment_item_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.item_id}"


def load_contents(parcels: Iterable[Shipment]) -> None:
    """Of all that are not loaded yet, by one query; by none where there is none."""
    prefetch_related_objects([parcel for parcel in parcels if "contents" not in parcel.__dict__], "items")
