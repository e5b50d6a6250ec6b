"""What was sold on each day: sums that are kept up to date from the event log, so that nobody has to count orders."""

from __future__ import annotations

from django.db import models


class SalesDay(models.Model):
    """Of the orders that a storefront's customers placed on a day (UTC), those of one currency.

    `placed` are all that are not deleted; `revenue` is what those of them come to, in minor units, that are not
    canceled, without their canceled units. Orders without prices have the currency they name, or none (''), and come to
    nothing. A row whose last order has gone stays, with zeros.
    """

    pk = models.CompositePrimaryKey("storefront_id", "day", "currency")
    storefront = models.ForeignKey("orders.Storefront", models.CASCADE, db_index=False, related_name="+")
    day = models.DateField()
    currency = models.CharField(max_length=3)
    placed = models.IntegerField()
    revenue = models.BigIntegerField()

    class Meta:
        db_table = "orders_sales_day"

    def __str__(self) -> str:
        return f"{self.day} of {self.storefront_id}"


class SalesProgress(models.Model):
    """How far the days of a storefront have come: whoever adds to them holds this row's lock.

    Events up to `position` of the feed are in them. Days from `counted_from` on are there; earlier ones are counted
    when it is their turn, and until then what happens to their orders is left out.
    """

    storefront = models.OneToOneField("orders.Storefront", models.CASCADE, primary_key=True, related_name="+")
    position = models.BigIntegerField()
    counted_from = models.DateField()

    class Meta:
        db_table = "orders_sales_progress"

    def __str__(self) -> str:
        return f"{self.storefront_id} up to {self.position}"
