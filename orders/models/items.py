"""One line of an order."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from orders.rules.ids import new_id


class OrderItem(models.Model):
    """One line of an order, with the ledger of its units."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # No database constraint: checking it slows a fresh database fourfold until it is analysed, and
    # one statement writes order and items together. `manage.py doctor` looks for strays.
    order = models.ForeignKey("orders.Order", models.PROTECT, db_constraint=False, db_index=False, related_name="items")
    storefront = models.ForeignKey(
        "orders.Storefront", models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    position = models.PositiveSmallIntegerField()
    product_id = models.CharField(max_length=200)
    name = models.CharField(max_length=300, null=True, blank=True)
    quantity = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    unit_amount = models.BigIntegerField(null=True, blank=True)
    # What the line costs, where that is not quantity × unit_amount ("3 for 1000"), and its part of the order's
    # discount and tax, where the storefront told it line by line.
    amount = models.BigIntegerField(null=True, blank=True)
    discount_amount = models.BigIntegerField(null=True, blank=True)
    tax_amount = models.BigIntegerField(null=True, blank=True)
    canceled = models.PositiveIntegerField(default=0)
    shipped = models.PositiveIntegerField(default=0)
    returned = models.PositiveIntegerField(default=0)
    restocked = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="order_item_position_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_item_quantity_positive"),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("canceled") + F("shipped")), name="order_item_within_ordered"
            ),
            models.CheckConstraint(condition=Q(returned__lte=F("shipped")), name="order_item_returned_was_shipped"),
            models.CheckConstraint(condition=Q(restocked__lte=F("returned")), name="order_item_restocked_was_returned"),
        ]
        # The back office finds the newest orders of a product.
        indexes = [models.Index(fields=["product_id", "-order"], name="order_item_product")]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product_id}"

    @property
    def line_amount(self) -> int | None:
        """What the line costs, in minor units, before discount; None when it has no price."""
        if self.amount is not None or self.unit_amount is None:
            return self.amount
        return self.quantity * self.unit_amount

    @property
    def open(self) -> int:
        """Units that are neither canceled nor shipped."""
        return self.quantity - self.canceled - self.shipped
