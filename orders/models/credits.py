"""What an order owes less than its total."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Value

from orders.rules.credits import Credited, CreditedLine
from orders.rules.ids import new_id
from orders.rules.statuses import CreditCause


class Credit(models.Model):
    """One reduction of what is owed, or, below zero, a correction of one. Credits are added, never changed.

    `lines` are the units it is for, each with its part of the amount: item_id, quantity, amount.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="credits")
    storefront = models.ForeignKey("orders.Storefront", models.PROTECT, db_index=False, related_name="+")
    cause = models.CharField(max_length=20, choices=CreditCause.choices)
    amount = models.BigIntegerField()
    lines = models.JSONField(default=list, db_default=Value([], models.JSONField()), blank=True)
    shipping_amount = models.BigIntegerField(default=0, db_default=0)
    part_of = models.ForeignKey(
        "orders.Return", models.PROTECT, null=True, blank=True, db_column="return_id", db_index=False, related_name="+"
    )
    refund = models.ForeignKey("orders.Refund", models.PROTECT, null=True, blank=True, db_index=False, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.get_cause_display()}: {self.amount}"

    @property
    def parts(self) -> list[CreditedLine]:
        return [CreditedLine(UUID(line["item_id"]), line["quantity"], line["amount"]) for line in self.lines]

    @property
    def credited(self) -> Credited:
        parts = self.parts
        other = self.amount - self.shipping_amount - sum(line.amount for line in parts)
        return Credited(parts, self.shipping_amount, other)
