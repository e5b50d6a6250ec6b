"""What upkeep could not do to an order, so that it neither stops the rest nor is tried all the time."""

from __future__ import annotations

from django.db import models


class UpkeepFailure(models.Model):
    """One kind of upkeep has failed for one order, `attempts` times in a row; it is tried again at `retry_at`."""

    class Upkeep(models.TextChoices):
        SETTLE = "settle", "Tell the inventory"
        EXPIRE = "expire", "Cancel what has expired"
        COMPLETE = "complete", "Complete what was delivered"
        ERASE = "erase", "Erase the customers of old orders"

    order = models.ForeignKey("orders.Order", models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    storefront = models.ForeignKey("orders.Storefront", models.PROTECT, db_index=False, related_name="+")
    upkeep = models.CharField(max_length=20, choices=Upkeep.choices)
    attempts = models.PositiveIntegerField(default=1)
    error = models.TextField()
    failed_at = models.DateTimeField()
    retry_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "upkeep"], name="upkeep_failure_once")]

    def __str__(self) -> str:
        return f"{self.get_upkeep_display()}: {self.error}"
