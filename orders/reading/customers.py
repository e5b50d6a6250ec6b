"""All there is about one customer of a storefront."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import QuerySet

from events.models import PersonalData
from orders.models import Order, Storefront
from orders.reading.documents import document_of
from orders.reading.history import timeline_page

_ENTRIES_AT_ONCE: Final = 100


def orders_of_customer(storefront: Storefront, customer_id: str) -> QuerySet[Order]:
    """Deleted ones too, oldest first."""
    orders: QuerySet[Order] = Order.all_objects.filter(storefront=storefront, customer_id=customer_id)
    return orders.order_by("id")


def exported(order: Order) -> dict[str, Any]:
    """The order, what has happened to it, oldest first, and what each change has set of what tells of a person."""
    told = PersonalData.objects.filter(stream_id=order.pk, storefront_id=order.storefront_id)
    personal = dict(told.values_list("sequence", "fields"))
    timeline = [{**entry, "personal": personal.get(entry["version"], {})} for entry in _timeline(order)]
    return {"order": document_of(order), "deleted": order.deleted_at is not None, "timeline": timeline[::-1]}


def _timeline(order: Order) -> Iterator[dict[str, Any]]:
    before: int | None = None
    while True:
        page = timeline_page(order.pk, storefront_id=order.storefront_id, before=before, limit=_ENTRIES_AT_ONCE)
        yield from page["results"]
        before = page["next_before"]
        if before is None:
            return
