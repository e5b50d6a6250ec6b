"""The columns of the list of orders: what each shows, and which of them somebody looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from orders.admin.display.moments import when, zone_place
from orders.admin.display.pills import fulfillment_pill, payment_pill, pill, status_pill
from orders.admin.operations.staff_requests import Staff, columns_of, sight_of
from orders.models import ListColumns, Order, OrderItem
from orders.rules.currencies import format_amount
from orders.rules.sight import Sight

_ITEMS_SHOWN: Final = 2
_TAGS_SHOWN: Final = 2
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Seen(NamedTuple):
    """What the cells of a page are made of: `items` in words, by order."""

    items: dict[UUID, str]
    sight: Sight
    now: datetime


@dataclass(frozen=True)
class Column:
    key: str
    title: str
    cell: Callable[[Order, Seen], str]
    usual: bool = True
    personal: bool = False
    look: str = ""
    is_time: bool = False

    @property
    def heading(self) -> str:
        """A time is in the zone of whoever reads it."""
        return f"{self.title} ({zone_place()})" if self.is_time else self.title


def person_of(order: Order) -> str:
    """The name on the parcel or the bill, or the address of their mail."""
    for address in (order.shipping_address, order.billing_address):
        if address and address.get("name"):
            return str(address["name"])
    return order.contact_email or ""


def _customer(order: Order, seen: Seen) -> str:
    return (person_of(order) if seen.sight is Sight.CUSTOMER else "") or order.customer_id


def _tags(order: Order, seen: Seen) -> SafeString:
    shown = [pill(tag) for tag in order.tags[:_TAGS_SHOWN]]
    if more := len(order.tags) - _TAGS_SHOWN:
        shown += [pill(f"+{more}")] if more > 0 else []
    return format_html_join(" ", "{}", ((each,) for each in shown))


def _age(order: Order, seen: Seen) -> str:
    age = max(timedelta(), seen.now - order.placed_at)
    if age < _HOUR:
        return f"{age // _MINUTE} min"
    return f"{age // _HOUR} h" if age < 2 * _DAY else f"{age // _DAY} d"


COLUMNS: Final = [
    Column("placed", "Placed", lambda order, _: when(order.placed_at), look="when", is_time=True),
    Column("storefront", "Shop", lambda order, _: order.storefront.code),
    Column("customer", "Customer", _customer, look="cut"),
    Column("items", "Items", lambda order, seen: seen.items.get(order.pk, "–"), look="cut"),
    Column("status", "Status", lambda order, _: status_pill(order), look="when"),
    Column("payment", "Payment", lambda order, _: payment_pill(order)),
    Column("fulfillment", "Fulfillment", lambda order, _: fulfillment_pill(order)),
    Column("tags", "Tags", _tags, look="few"),
    Column("total", "Total", lambda order, _: format_amount(order.total_amount, order.currency), look="number"),
    Column("age", "Age", _age, look="number"),
    Column("claimed", "With", lambda order, _: getattr(order, "claimed_by", None) or "", look="few"),
    Column("email", "E-mail", lambda order, _: order.contact_email or "–", usual=False, personal=True, look="cut"),
    Column("customer_id", "Customer id", lambda order, _: order.customer_id, usual=False, look="cut"),
    Column("reference", "Reference", lambda order, _: order.external_reference or "–", usual=False, look="cut"),
    Column("updated", "Changed", lambda order, _: when(order.updated_at), usual=False, look="when", is_time=True),
    Column(
        "due",
        "Due",
        lambda order, _: format_amount(order.due_amount, order.currency),
        usual=False,
        look="number",
    ),
]
_BY_KEY: Final = {column.key: column for column in COLUMNS}


def columns_for(user: Staff) -> list[Column]:
    """All the user may choose from."""
    sees_customers = sight_of(user) is Sight.CUSTOMER
    return [column for column in COLUMNS if sees_customers or not column.personal]


def chosen_columns(user: Staff) -> list[Column]:
    """Those the user has chosen, in the order of the table; the usual ones, as long as nothing was."""
    kept = columns_of(user)
    offered = columns_for(user)
    if kept is None:
        return [column for column in offered if column.usual]
    return [column for column in offered if column.key in kept]


def choose_columns(user: User, keys: Iterable[str]) -> None:
    """Nothing chosen brings the usual ones back."""
    wanted = [key for key in dict.fromkeys(keys) if key in _BY_KEY]
    if wanted:
        ListColumns.objects.update_or_create(user=user, defaults={"columns": wanted})
    else:
        ListColumns.objects.filter(user=user).delete()


def seen_of(orders: list[Order], columns: list[Column], user: Staff) -> Seen:
    items = _items_in_words(orders) if any(column.key == "items" for column in columns) else {}
    return Seen(items, sight_of(user), timezone.now())


def _items_in_words(orders: list[Order]) -> dict[UUID, str]:
    """The first items of each order, and how many more there are: an order can have hundreds."""
    if not orders:
        return {}
    by_order: dict[str, Any] = {"partition_by": F("order_id")}
    items = (
        OrderItem.objects.filter(order_id__in=[order.pk for order in orders])
        .annotate(place=Window(RowNumber(), order_by="position", **by_order), count=Window(Count("pk"), **by_order))
        .filter(place__lte=_ITEMS_SHOWN)
        .order_by("order_id", "position")
    )
    told: dict[UUID, list[str]] = {}
    more: dict[UUID, int] = {}
    for item in items:
        told.setdefault(item.order_id, []).append(f"{item.quantity} × {item.name or item.product_id}")
        more[item.order_id] = item.count - _ITEMS_SHOWN
    return {
        order_id: ", ".join(texts) + (f" +{more[order_id]}" if more[order_id] > 0 else "")
        for order_id, texts in told.items()
    }


def cells_of(order: Order, columns: list[Column], seen: Seen) -> SafeString:
    """The cells of a row behind its first, in one piece: fifty rows have hundreds."""
    return format_html_join("", "{}", ((_cell(column, column.cell(order, seen)),) for column in columns))


def _cell(column: Column, text: str) -> SafeString:
    if column.look == "cut":  # what is cut off can be read by pointing at it
        return format_html('<td class="cut" title="{}">{}</td>', "" if isinstance(text, SafeString) else text, text)
    return format_html('<td class="{}">{}</td>', column.look, text) if column.look else format_html("<td>{}</td>", text)
