"""What the payment provider did, and refunds asked of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from orders.rules.callers import Caller
from orders.rules.ids import new_id
from orders.rules.statuses import PaymentKind, RefundState


class Refund(models.Model):
    """Captured money to be given back. It counts against what can be refunded until it is rejected or failed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="refunds")
    storefront = models.ForeignKey("orders.Storefront", models.PROTECT, db_index=False, related_name="+")
    amount = models.BigIntegerField()
    state = models.CharField(max_length=20, choices=RefundState.choices)
    requested_by = models.CharField(max_length=200)
    # The person behind `requested_by`: of a key whoever made it.
    requester = models.CharField(max_length=200, default="", db_default="")
    requested_at = models.DateTimeField()
    decided_by = models.CharField(max_length=200, null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=1), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(state=RefundState.REQUESTED), name="refund_requested_is_undecided"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()}: {self.amount}"

    def was_requested_by(self, caller: Caller) -> bool:
        """Is it the same person who asks now, signed in or by a key they have made?"""
        return caller.actor == self.requested_by or caller.person == (self.requester or self.requested_by)


class PaymentRecord(models.Model):
    """One fact from the payment provider. Facts are added, never changed or removed (a trigger sees to it).

    `late` marks what arrived when the order was canceled or deleted already.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="payments")
    storefront = models.ForeignKey("orders.Storefront", models.PROTECT, db_index=False, related_name="+")
    refund = models.ForeignKey(Refund, models.PROTECT, null=True, blank=True, db_index=False, related_name="payments")
    kind = models.CharField(max_length=20, choices=PaymentKind.choices)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3, null=True, blank=True)
    psp = models.CharField(max_length=40, blank=True, default="")
    psp_reference = models.CharField(max_length=200)
    late = models.BooleanField(default=False)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["storefront", "psp", "psp_reference", "kind"], name="payment_reference_once"
            ),
            models.CheckConstraint(condition=Q(amount__gte=1), name="payment_amount_positive"),
            models.CheckConstraint(condition=Q(kind__in=PaymentKind.values), name="payment_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"
