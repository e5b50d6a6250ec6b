"""What the payment provider did, and refunds asked of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Self

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now

from orders.rules.callers import Caller
from orders.rules.facts import IMPORTED, Fact, provider_key
from orders.rules.ids import new_id
from orders.rules.statuses import PaymentKind, RefundState

NOT_AGREED = frozenset({RefundState.REQUESTED, RefundState.REJECTED})
OPEN_REFUNDS = frozenset({RefundState.REQUESTED, RefundState.APPROVED})
# How long staff and `doctor` are told of money that was given back though nobody had asked for it.
UNASKED_TOLD_FOR: Final = timedelta(days=30)


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
    # How much of it is owed less, since somebody agreed to it; the rest was kept beyond what was due.
    goodwill_amount = models.BigIntegerField(default=0, db_default=0)
    settled_amount = models.BigIntegerField(default=0, db_default=0)  # paid out so far, by the provider's facts
    part_of = models.ForeignKey(
        "orders.Return", models.PROTECT, null=True, blank=True, db_column="return_id", db_index=False, related_name="+"
    )
    # What units were credited with when they were canceled or came back, where it pays that out.
    credit = models.ForeignKey("orders.Credit", models.PROTECT, null=True, blank=True, db_index=False, related_name="+")
    # The units it is for, where it names some: item_id, quantity; and what of it is for the shipping.
    lines = models.JSONField(default=list, db_default=Value([], models.JSONField()), blank=True)
    shipping_amount = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=1), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(goodwill_amount__gte=0, goodwill_amount__lte=F("amount")), name="refund_goodwill_within"
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(state=RefundState.REQUESTED), name="refund_requested_is_undecided"
            ),
        ]
        # Those that wait for a person: `doctor` looks at all of them.
        indexes = [
            models.Index(
                fields=["id"], name="refund_open", condition=Q(state__in=[RefundState.REQUESTED, RefundState.APPROVED])
            ),
            # And the back office counts them by storefront.
            models.Index(
                fields=["storefront", "state", "id"],
                name="refund_waits",
                condition=Q(state__in=[RefundState.REQUESTED, RefundState.APPROVED]),
            ),
            models.Index(
                fields=["id"],
                name="refund_paid_unapproved",
                condition=Q(state__in=[RefundState.REJECTED, RefundState.REQUESTED], settled_amount__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()}: {self.amount}"

    @property
    def open_amount(self) -> int:
        """What of it is still to be paid out, in minor units."""
        return max(0, self.amount - self.settled_amount) if self.state in OPEN_REFUNDS else 0

    @property
    def is_agreed(self) -> bool:
        """Nobody has to approve it, or somebody has."""
        return self.state not in NOT_AGREED

    @property
    def waits_for_approval(self) -> bool:
        """Nobody has decided it, or it was paid out although it was rejected."""
        return self.state == RefundState.REQUESTED or (not self.is_agreed and self.settled_amount > 0)

    def was_requested_by(self, caller: Caller) -> bool:
        """Is it the same person who asks now, signed in or by a key they have made?"""
        return caller.actor == self.requested_by or caller.person == (self.requester or self.requested_by)


class PaymentRecordQuerySet(models.QuerySet["PaymentRecord"]):
    def refunds_nobody_approved(self) -> Self:
        """Money that was given back without the approval it needs: facts are recorded all the same."""
        not_agreed, unasked = self._refunds_not_agreed(), self.refunds_nobody_asked_for()
        ids = not_agreed.order_by().values("pk").union(unasked.order_by().values("pk"), all=True)
        return self.filter(pk__in=ids)

    def _refunds_not_agreed(self) -> Self:
        """Until somebody approves."""
        paid = Refund.objects.filter(state__in=sorted(NOT_AGREED), settled_amount__gt=0)
        return self.filter(
            kind=PaymentKind.REFUND,
            corrected_by=None,
            order_id__in=paid.values("order_id"),
            refund_id__in=paid.values("pk"),
        )

    def refunds_nobody_asked_for(self) -> Self:
        """Where somebody else has to approve what goes beyond a limit, and it does. Told for `UNASKED_TOLD_FOR`.

        The limit is in the storefront's currency, and counts all of the order's refunds.
        """
        beyond = Q(order__refunded_amount__gt=F("storefront__refund_approval_above"))
        foreign = ~Q(storefront__currency="") & ~Q(order__currency=F("storefront__currency"))
        return self.filter(
            beyond | foreign,
            kind=PaymentKind.REFUND,
            refund=None,
            corrected_by=None,
            recorded_at__gte=Now() - UNASKED_TOLD_FOR,
            storefront__refund_approval_above__isnull=False,
        ).exclude(psp=IMPORTED)


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
    # The reference of the payment it belongs to, at the same provider: it may become known later, or never.
    parent_reference = models.CharField(max_length=200, null=True, blank=True)
    # What staff take back as recorded by mistake; it counts no more, and its reference is free again.
    corrects = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="corrected_by")
    attempt = models.PositiveSmallIntegerField(default=0, db_default=0)
    late = models.BooleanField(default=False)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    objects = PaymentRecordQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["storefront", "psp", "psp_reference", "kind", "attempt"], name="payment_reference_once"
            ),
            models.CheckConstraint(
                condition=Q(kind=PaymentKind.CORRECTION, corrects__isnull=False)
                | (~Q(kind=PaymentKind.CORRECTION) & Q(corrects__isnull=True)),
                name="payment_correction_says_of_what",
            ),
            models.CheckConstraint(condition=Q(amount__gte=1), name="payment_amount_positive"),
            models.CheckConstraint(condition=Q(kind__in=PaymentKind.values), name="payment_kind_known"),
        ]
        # Few rows; `doctor` looks at all of them.
        indexes = [
            models.Index(fields=["id"], name="payment_late", condition=Q(late=True)),
            models.Index(
                fields=["storefront", "recorded_at"],
                name="payment_refund_unasked",
                condition=Q(kind=PaymentKind.REFUND, refund=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"

    @property
    def fact(self) -> Fact:
        return Fact(
            id=self.pk,
            kind=self.kind,
            amount=self.amount,
            occurred_at=self.occurred_at,
            psp=provider_key(self.psp),
            reference=self.psp_reference,
            parent=self.parent_reference,
            refund_id=self.refund_id,
            corrects=self.corrects_id,
        )
