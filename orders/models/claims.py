"""Who of the staff works on which order, and who looks at it now. No state of the order: nobody outside is told."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models

from orders.rules.ids import new_id

LONGEST_QUEUE = 40


class ClaimQuerySet(models.QuerySet["Claim"]):
    def in_force(self) -> Self:
        return self.filter(ended_at=None)


class Claim(models.Model):
    """Somebody has taken the order on themselves, until `ended_at`. `queue` is the one it was taken from, if any."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey("orders.Order", models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    storefront = models.ForeignKey("orders.Storefront", models.CASCADE, db_index=False, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="+")
    queue = models.CharField(max_length=LONGEST_QUEUE, blank=True, default="")
    claimed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ClaimQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order"], name="claim_in_force_once", condition=models.Q(ended_at=None)),
        ]
        indexes = [
            models.Index(fields=["user", "order"], name="claim_of_user", condition=models.Q(ended_at=None)),
            models.Index(fields=["order", "-id"], name="claim_of_order"),
            # What the sweeper forgets when its time has come.
            models.Index(fields=["ended_at"], name="claim_ended", condition=~models.Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} by {self.user_id}"


class Looking(models.Model):
    """Somebody has the order's page open, or had it lately: `seen_at` says when that was told last."""

    pk = models.CompositePrimaryKey("order_id", "user_id")
    order = models.ForeignKey("orders.Order", models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="+")
    storefront = models.ForeignKey("orders.Storefront", models.CASCADE, db_index=False, related_name="+")
    seen_at = models.DateTimeField()

    class Meta:
        # What the sweeper removes.
        indexes = [models.Index(fields=["seen_at"], name="looking_seen_at")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.order_id}"
