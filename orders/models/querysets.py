"""Which orders: each method is named for the answer it gives."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Never, Self
from uuid import UUID

from django.db import models
from django.db.models import Exists, F, OuterRef
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now, Reverse

from orders.models.storefronts import Storefront
from orders.models.upkeep import UpkeepFailure
from orders.rules.ids import time_ceiling, time_floor
from orders.rules.statuses import OrderStatus

if TYPE_CHECKING:
    from orders.models import Order  # noqa: F401 - named by the queryset's type


class OrderQuerySet(models.QuerySet["Order"]):
    def delete(self) -> Never:
        raise TypeError("Orders are never removed; call operations.delete_order().")

    def not_deleted(self) -> Self:
        return self.filter(deleted_at=None)

    def of_storefront(self, storefront_id: int) -> Self:
        return self.filter(storefront_id=storefront_id)

    def placed_since(self, moment: datetime) -> Self:
        """Placed at or after the moment. The id carries the time too, so whichever index is at hand answers."""
        return self.filter(pk__gte=time_floor(moment), placed_at__gte=moment)

    def placed_before(self, moment: datetime) -> Self:
        return self.filter(pk__lt=time_ceiling(moment), placed_at__lt=moment)

    def awaiting_inventory(self) -> Self:
        """Of whose reservation the inventory has still to be told something."""
        return self.exclude(stock_action=None)

    def in_any_storefront(self) -> Self:
        """The same orders. Naming every storefront lets the indexes answer that begin with it."""
        return self.filter(storefront_id__in=list(Storefront.objects.values_list("pk", flat=True)))

    # The two conditions below are written out, not sent as parameters. A statement that is sent again and again
    # gets a plan for any value, and that would walk through all orders for a status which hardly any has.

    def in_status(self, status: OrderStatus) -> Self:
        return self.filter(status=RawSQL(f"'{status.value}'", ()))  # noqa: S611 - one of our own words

    def with_phone(self, number: str) -> Self:
        """With this whole number in E.164, or one that ends with these digits."""
        reversed_phones = self.alias(reversed_phone=Reverse("contact_phone_e164"))
        if number.startswith("+"):
            return reversed_phones.filter(reversed_phone=number[::-1])
        return reversed_phones.filter(reversed_phone__startswith=number[::-1])

    def held_up(self) -> Self:
        return self.exclude(holds=RawSQL("'[]'::jsonb", ()))

    def not_put_off(self, upkeep: str) -> Self:
        """Leave out those for which this upkeep has failed lately; see `UpkeepFailure`."""
        failing = UpkeepFailure.objects.filter(order_id=OuterRef("pk"), upkeep=upkeep, retry_at__gt=Now())
        return self.exclude(Exists(failing))

    def expired(self, now: datetime) -> Self:
        """Pending orders whose stock was held only until now, and on which there is no money, or none any more.

        Those a hold keeps from expiring are left out, so that they do not stand in the others' way.
        """
        return self.filter(
            status=OrderStatus.PENDING,
            deleted_at=None,
            reserved_until__lt=now,
            authorized_amount__lte=F("captured_amount"),
            captured_amount__lte=F("refunded_amount") + F("charged_back_amount"),
        ).exclude(holds__contains=[{"blocks": ["expire"]}])

    def delivered(self, storefront_id: int, *, before: datetime) -> Self:
        """Shipped orders of the storefront whose last parcel arrived before then, unless they are held up."""
        return self.filter(
            storefront_id=storefront_id, status=OrderStatus.SHIPPED, deleted_at=None, delivered_at__lt=before
        ).exclude(holds__contains=[{"blocks": ["complete"]}])

    def with_what_obstacles_ask_for(self) -> Self:
        """With the parts that decide what can be done with an order now."""
        return self.prefetch_related("items", "shipments", "refunds", "returns__items")

    def with_parts(self) -> Self:
        """With all that belongs to an order."""
        return self.with_what_obstacles_ask_for().prefetch_related("shipments__items", "payments", "credits")

    def newest_of_each(self, storefront_ids: Iterable[int], count: int) -> Self:
        """The newest of these in each storefront: as many of each as could be wanted of all.

        Each storefront's list is read by its own index; one list of several would be read through everybody's orders.
        """
        newest = [
            self.of_storefront(storefront_id).order_by("-placed_at", "-id").values("pk")[:count]
            for storefront_id in sorted(storefront_ids)
        ]
        ids = newest[0].union(*newest[1:], all=True) if newest[1:] else newest[0]
        return type(self)(self.model, using=self.db).filter(pk__in=ids)

    def standing_on(self, reservation_ids: list[UUID]) -> Self:
        return self.filter(reservation_id__in=reservation_ids)


class OrderManager(models.Manager.from_queryset(OrderQuerySet)):  # type: ignore[misc]
    """Orders as the API sees them: deleted ones do not exist."""

    def get_queryset(self) -> OrderQuerySet:
        queryset: OrderQuerySet = super().get_queryset()
        return queryset.not_deleted()


class AllOrdersManager(models.Manager.from_queryset(OrderQuerySet)):  # type: ignore[misc]
    """Deleted orders too: for the back office, audits and sweeps."""
