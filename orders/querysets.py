"""Which orders: each method is named for the answer it gives."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Never, Self
from uuid import UUID

from django.db import models
from django.db.models import Q

from orders.ids import time_ceiling, time_floor
from orders.statuses import OrderStatus

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

    def newest_first(self) -> Self:
        """By when they were placed, which is the order of their ids; an index of each list has it."""
        return self.order_by("-placed_at", "-pk")

    def oldest_first(self) -> Self:
        return self.order_by("placed_at", "pk")

    def older_than(self, placed_at: datetime, order_id: UUID) -> Self:
        """Further on in `newest_first`. The second condition is implied: it is what an index can begin at."""
        return self.filter(Q(placed_at__lt=placed_at) | Q(pk__lt=order_id), placed_at__lte=placed_at)

    def younger_than(self, placed_at: datetime, order_id: UUID) -> Self:
        """Further on in `oldest_first`."""
        return self.filter(Q(placed_at__gt=placed_at) | Q(pk__gt=order_id), placed_at__gte=placed_at)

    def expired(self, now: datetime) -> Self:
        """Pending orders whose stock was held only until now."""
        return self.filter(status=OrderStatus.PENDING, deleted_at=None, reserved_until__lt=now)

    def standing_on(self, reservation_ids: list[UUID]) -> Self:
        return self.filter(reservation_id__in=reservation_ids)


class OrderManager(models.Manager.from_queryset(OrderQuerySet)):  # type: ignore[misc]
    """Orders as the API sees them: deleted ones do not exist."""

    def get_queryset(self) -> OrderQuerySet:
        queryset: OrderQuerySet = super().get_queryset()
        return queryset.not_deleted()


class AllOrdersManager(models.Manager.from_queryset(OrderQuerySet)):  # type: ignore[misc]
    """Deleted orders too: for the back office, audits and sweeps."""
