"""Stock and reservations, each list by its key; and of reservations, for whoever is limited to storefronts, theirs.

The inventory itself knows nothing of storefronts, and nothing of the lists of others.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from events.keyset_list import ListedByKey
from inventory_client.admin import ReservationAdmin, StockAdmin
from inventory_client.models import Reservation, Stock
from orders.admin.display.moments import in_words, moment
from orders.admin.operations.staff_requests import storefronts_of, user_of
from orders.models import Order

admin.site.unregister([Stock, Reservation])


@admin.register(Stock)
class StockPages(StockAdmin, ListedByKey):
    list_display = ["product_id", "on_hand", "held", "free", "changed"]
    shown: ClassVar = [*StockAdmin.shown[:-1], "changed"]
    previous_name, next_name = "Previous", "Next"

    @admin.display(description="Changed")
    def changed(self, stock: Stock) -> str:
        return moment(stock.updated_at)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A change is about the level that is shown: there is nothing to go on with."""
        only_save = {"show_save_and_add_another": object_id is None, "show_save_and_continue": False}
        return super().changeform_view(request, object_id, form_url, only_save | (extra_context or {}))


@admin.register(Reservation)
class LimitedReservationAdmin(ReservationAdmin, ListedByKey):
    """Those on which an order of the user's storefronts stands."""

    list_display = ["id", "state", "revision", "made", "changed"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reservation]:
        reservations: QuerySet[Reservation] = super().get_queryset(request)
        storefronts = storefronts_of(user_of(request))
        if storefronts is None:
            return reservations
        standing = Order.all_objects.filter(reservation_id=OuterRef("pk"), storefront_id__in=storefronts)
        return reservations.filter(Exists(standing))

    def is_narrowed(self, request: HttpRequest) -> bool:
        return storefronts_of(user_of(request)) is not None

    def place_of(self, row: Reservation) -> str:
        return in_words(row.created_at)

    @admin.display(description="Made")
    def made(self, reservation: Reservation) -> str:
        return moment(reservation.created_at)

    @admin.display(description="Changed")
    def changed(self, reservation: Reservation) -> str:
        return moment(reservation.updated_at)
