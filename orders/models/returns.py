"""Shipped units on their way back."""

from __future__ import annotations

from functools import cached_property

from django.db import models
from django.db.models import F, Q

from orders.rules.ids import new_id
from orders.rules.statuses import Condition, ReturnCause, ReturnState

OPEN_RETURNS = frozenset({ReturnState.REQUESTED, ReturnState.APPROVED})


class Return(models.Model):
    """A return of some of an order's units, from the customer's wish to the warehouse."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="returns")
    storefront = models.ForeignKey("orders.Storefront", models.PROTECT, db_index=False, related_name="+")
    state = models.CharField(max_length=20, choices=ReturnState.choices, default=ReturnState.REQUESTED)
    cause = models.CharField(max_length=20, choices=ReturnCause.choices)
    requested_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        # Those that are on their way: `doctor` looks at all of them.
        indexes = [
            models.Index(fields=["id"], name="return_on_its_way", condition=Q(state=ReturnState.APPROVED)),
            # Those that wait for somebody: the back office counts them by storefront.
            models.Index(
                fields=["storefront", "state", "id"],
                name="return_waits",
                condition=Q(state__in=[ReturnState.REQUESTED, ReturnState.APPROVED]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()}: {self.get_cause_display()}"

    @cached_property
    def contents(self) -> list[ReturnItem]:
        """What it is made of, loaded once."""
        return [] if self._state.adding else list(self.items.all())


class ReturnItem(models.Model):
    """Units of one item in one return. What came back, in which condition, is known once it is received."""

    # `return` is a word of the language.
    part_of = models.ForeignKey(Return, models.CASCADE, db_column="return_id", related_name="items")
    item = models.ForeignKey("orders.OrderItem", models.PROTECT, db_constraint=False, related_name="+")
    storefront = models.ForeignKey("orders.Storefront", models.PROTECT, db_index=False, related_name="+")
    quantity = models.PositiveIntegerField()
    received = models.PositiveIntegerField(default=0)
    condition = models.CharField(max_length=20, choices=Condition.choices, null=True, blank=True)
    restocked = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["part_of", "item"], name="return_item_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="return_item_quantity_positive"),
            models.CheckConstraint(condition=Q(received__lte=F("quantity")), name="return_item_within_announced"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.item_id}"
