"""Which orders: each method is named for the answer it gives."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Never, Self
from uuid import UUID

from django.db import models

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
        """Whose reservation the inventory has still to be told to confirm or release."""
        return self.exclude(stock_action=None)

    def expired(self, now: datetime) -> Self:
        """Pending orders whose stock was held only until now, and for which no money was recorded.

        Those a hold keeps from expiring are left out, so that they do not stand in the others' way.
        """
        return self.filter(
            status=OrderStatus.PENDING,
            deleted_at=None,
            reserved_until__lt=now,
            authorized_amount=0,
            captured_amount=0,
        ).exclude(holds__contains=[{"blocks": ["expire"]}])

    def delivered(self, storefront_id: int, *, before: datetime) -> Self:
        """Shipped orders of the storefront whose last parcel arrived before then, unless they are held up."""
        return self.filter(
            storefront_id=storefront_id, status=OrderStatus.SHIPPED, deleted_at=None, delivered_at__lt=before
        ).exclude(holds__contains=[{"blocks": ["complete"]}])

    def standing_on(self, reservation_ids: list[UUID]) -> Self:
        return self.filter(reservation_id__in=reservation_ids)


class OrderManager(models.Manager.from_queryset(OrderQuerySet)):  # type: ignore[misc]
    """Orders as the API sees them: deleted ones do not exist."""

    def get_queryset(self) -> OrderQuerySet:
        queryset: OrderQuerySet = super().get_queryset()
        return queryset.not_deleted()


class AllOrdersManager(models.Manager.from_queryset(OrderQuerySet)):  # type: ignore[misc]
    """Deleted orders too: for the back office, audits and sweeps."""
