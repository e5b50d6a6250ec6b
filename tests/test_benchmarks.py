"""The programs that benchmarks hand to another Python import what there is."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from django.db import connection

from events.models import Event, OutboxEntry
from inventory_client.stock import set_stock_levels
from orders.models import Order

ROOT = Path(__file__).parent.parent
# Also where they stand in a string.
IMPORTS = [
    (module, name.strip())
    for path in sorted((ROOT / "benchmarks").glob("*.py"))
    for module, names in re.findall(
        r"^from ((?:orders|events|inventory_client|orders_project)[\w.]*) import (.+)$", path.read_text(), re.MULTILINE
    )
    for name in names.split(",")
]


def test_what_they_import_is_there():
    assert len(IMPORTS) >= 8
    assert [(module, name) for module, name in IMPORTS if not hasattr(import_module(module), name)] == []


def test_the_limit_writes_the_rows_that_the_service_writes(api, storefront):
    set_stock_levels({f"p{number:03}": 10 for number in range(1, 901)})
    items = [{"product_id": product, "quantity": 1, "unit_amount": 1299} for product in ("p001", "p002", "p003")]
    api.post("/api/v1/orders", {"customer_id": "cus123456", "items": items}, content_type="application/json")
    placed = Event.objects.get()

    hold, write = _limit(storefront.pk)
    with connection.cursor() as cursor:
        cursor.execute(hold)
        (reservation_id, valid_until) = cursor.fetchone()
        cursor.execute(
            write.replace(":reservation_id", f"'{reservation_id}'").replace(":valid_until", f"'{valid_until}'")
        )

    order = Order.objects.get(reservation_id=reservation_id)
    assert (order.status, order.total_amount, order.items.count()) == ("pending", 3897, 3)
    event = Event.objects.get(stream_id=order.pk)
    assert OutboxEntry.objects.filter(event_id=event.pk).count() == 1
    assert event.data.keys() == placed.data.keys()
    assert event.data["order"].keys() == placed.data["order"].keys()
    assert event.data["order"]["items"][0].keys() == placed.data["order"]["items"][0].keys()


def _limit(storefront_id: int) -> tuple[str, str]:
    """The two statements of limit.sql, but for what pgbench takes from the first one into the second."""
    text = (
        (ROOT / "benchmarks" / "limit.sql")
        .read_text()
        .replace("1 as storefront_id", f"{storefront_id} as storefront_id")
    )
    for name, low in re.findall(r"^\\set (\w+) random\((\d+), \d+\)$", text, re.MULTILINE):
        text = text.replace(f":{name}::", f"{low}::")
    hold, write = re.sub(r"^(\\set|--).*\n", "", text, flags=re.MULTILINE).split("\\gset")
    return hold, write
