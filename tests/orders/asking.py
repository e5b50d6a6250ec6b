"""Asking for an operation over HTTP, and seeing what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.db import connection
from django.test import Client

from events.models import Event
from inventory_client.models import Stock
from inventory_client.stock import set_stock_levels
from orders.models import Looking

# Cup 2 × 1000 + plate 1 × 500 + shipping 500.
PRICED_ITEMS: list[dict[str, Any]] = [
    {"product_id": "cup", "quantity": 2, "unit_amount": 1000},
    {"product_id": "plate", "quantity": 1, "unit_amount": 500},
]


def ask(api: Client, order_id: str, operation: str, headers: Any = None, **body: Any) -> Any:
    """`ask(api, order["id"], "ship", tracking_number="1Z")`: the answer, whatever it is."""
    path = f"/api/v1/orders/{order_id}/{operation}"
    return api.post(path, body, content_type="application/json", headers=headers or {})


def done(api: Client, order_id: str, operation: str, headers: Any = None, **body: Any) -> Any:
    """The order after the operation, which succeeds."""
    response = ask(api, order_id, operation, headers, **body)
    assert response.status_code == 200, response.content
    return response.json()


def read(api: Client, order_id: str) -> Any:
    return api.get(f"/api/v1/orders/{order_id}").json()


def sell(api: Client, *items: dict[str, Any], **fields: Any) -> Any:
    """Place an order with prices: 3000 AUD in all when nothing else is said. There is stock enough."""
    wanted = list(items) or PRICED_ITEMS
    if not items:
        fields = {"shipping_amount": 500, **fields}
    set_stock_levels({item["product_id"]: 1000 for item in wanted})
    body = {"customer_id": "cus123", "items": wanted, **fields}
    response = api.post("/api/v1/orders", body, content_type="application/json")
    assert response.status_code == 201, response.content
    return response.json()


def item_ids(order: Mapping[str, Any]) -> dict[str, str]:
    """Item ids by product."""
    return {item["product_id"]: item["id"] for item in order["items"]}


def counts(order: Mapping[str, Any], field: str) -> dict[str, int]:
    """`counts(order, "shipped")`: that count of each item, by product."""
    return {item["product_id"]: item[field] for item in order["items"]}


def last_event(order_id: str) -> Event:
    return Event.objects.with_reasons().filter(stream_id=order_id).latest("sequence")


def event_count() -> int:
    return Event.objects.count()


def reserved() -> dict[str, int]:
    """Units promised to reservations, by product; products without any are left out."""
    return dict(Stock.objects.exclude(reserved=0).order_by("pk").values_list("pk", "reserved"))


def on_shelf() -> dict[str, tuple[int, int]]:
    """By product, the units on hand and how many of them are promised."""
    return {pk: (on_hand, held) for pk, on_hand, held in Stock.objects.values_list("pk", "on_hand", "reserved")}


def everything() -> dict[str, str]:
    """All rows of all our tables, inventory included, as text: to be compared with what it was before.

    Who has an order's page open is no news.
    """
    tables = [
        model._meta.db_table
        for name in ("orders", "events", "inventory_client")
        for model in apps.get_app_config(name).get_models()
        if model is not Looking
    ]
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"select coalesce(json_agg(row order by row::text), '[]')::text from {table} as row")
            (found[table],) = cursor.fetchone()
    return found
