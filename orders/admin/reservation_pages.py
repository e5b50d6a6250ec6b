"""Reservations, for whoever is limited to storefronts: the inventory itself knows nothing of them."""

from __future__ import annotations

from typing import Final

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from inventory_client.admin import ReservationAdmin
from inventory_client.models import Reservation
from orders.admin.operations.staff_requests import storefronts_of, user_of
from orders.models import Order

# Of each storefront so many of the newest orders are looked through for the list; every other is found by its id.
_LISTED: Final = 1000

admin.site.unregister(Reservation)


@admin.register(Reservation)
class LimitedReservationAdmin(ReservationAdmin):
    """Those on which an order of the user's storefronts stands."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reservation]:
        reservations: QuerySet[Reservation] = super().get_queryset(request)
        storefronts = storefronts_of(user_of(request))
        if storefronts is None:
            return reservations
        standing = Order.all_objects.filter(reservation_id=OuterRef("pk"), storefront_id__in=storefronts)
        return reservations.filter(Exists(standing))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reservation], search_term: str
    ) -> tuple[QuerySet[Reservation], bool]:
        storefronts = storefronts_of(user_of(request))
        if storefronts is not None and not search_term.strip():
            newest = Order.all_objects.newest_of_each(storefronts, _LISTED).exclude(reservation_id=None)
            listed = Reservation.objects.filter(pk__in=newest.values("reservation_id"))
            return listed.order_by(*self.ordering), False
        return super().get_search_results(request, queryset, search_term)
