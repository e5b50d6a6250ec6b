"""Orders that were asked for and are not placed yet, and those that were rejected."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from events.models import PARKED
from orders.rules.erased import ERASED


class RequestState(models.TextChoices):
    REQUESTED = "requested", "Waits to be placed"
    REJECTED = "rejected", "Rejected"


class RequestedOrderQuerySet(models.QuerySet["RequestedOrder"]):
    def of_storefront(self, storefront_id: int) -> Self:
        return self.filter(storefront_id=storefront_id)

    def waiting(self) -> Self:
        """Not placed yet, those included that failed or are parked."""
        return self.filter(state=RequestState.REQUESTED)

    def rejected(self) -> Self:
        return self.filter(state=RequestState.REJECTED)

    def parked(self) -> Self:
        return self.waiting().filter(next_attempt_at=PARKED)

    def of_known_customer(self) -> Self:
        return self.exclude(customer_id=ERASED)


class RequestedOrder(models.Model):
    """What was asked for under an id that the order will have. The row goes in the transaction that writes the order.

    `order` is the request as it was read (a NewOrder as JSON), `actor`, `reason`, `request_id` and `trace` are whose
    it was. A rejected one keeps why and whose it was to be, and nothing else of what was asked for.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    # No database constraint: it would make every request lock its storefront's row.
    storefront = models.ForeignKey(
        "orders.Storefront", models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    state = models.CharField(max_length=20, choices=RequestState.choices, default=RequestState.REQUESTED)
    # Empty where what came could not be read.
    customer_id = models.CharField(max_length=200, blank=True, default="")
    external_reference = models.CharField(max_length=100, null=True, blank=True)
    order = models.BinaryField(null=True, blank=True)
    actor = models.TextField()
    reason = models.TextField(blank=True, default="", db_default="")
    request_id = models.TextField(blank=True, default="", db_default="")
    trace = models.TextField(blank=True, default="", db_default="")
    requested_at = models.DateTimeField()
    # How often placing it was begun and failed by a fault of this service, or never ended, the try under way included;
    # an inventory that is down is none.
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    last_error = models.TextField(blank=True, default="", db_default="")
    rejected_at = models.DateTimeField(null=True, blank=True)
    # `code`, `title`, `detail`, `errors` and `facts` of the refusal.
    rejection = models.JSONField(null=True, blank=True)

    objects = RequestedOrderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state=RequestState.REQUESTED, order__isnull=False, rejection__isnull=True, rejected_at=None)
                | Q(state=RequestState.REJECTED, order=None, rejection__isnull=False, rejected_at__isnull=False),
                name="requested_order_waits_or_is_rejected",
            ),
        ]
        indexes = [
            # Whose turn it is, by storefront, so that none waits for all of another's.
            models.Index(
                fields=["storefront", "next_attempt_at", "id"], name="requested_due", condition=Q(state="requested")
            ),
            # The oldest that waits, by its id, which has the time.
            models.Index(
                fields=["id"],
                name="requested_waiting",
                condition=Q(state="requested", next_attempt_at__lt=PARKED),
            ),
            models.Index(
                fields=["id"],
                name="requested_parked",
                condition=Q(state="requested", next_attempt_at__gte=PARKED),
            ),
            models.Index(fields=["storefront", "-id"], name="requested_of_storefront"),
            models.Index(fields=["storefront", "customer_id"], name="requested_of_customer"),
            models.Index(fields=["rejected_at"], name="requested_rejected_at", condition=Q(state="rejected")),
            # What the sweeper erases when its time has come.
            models.Index(
                fields=["storefront", "rejected_at"],
                name="requested_to_erase",
                condition=Q(state="rejected") & ~Q(customer_id=ERASED),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def parked(self) -> bool:
        return self.state == RequestState.REQUESTED and self.next_attempt_at >= PARKED
