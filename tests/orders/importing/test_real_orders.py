"""A marketplace's real orders, where they lie beside the checkout (they are not part of the project)."""

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Count, Sum

from events.models import Event
from orders.models import Order, Shipment, Storefront
from orders.order_documents import document_of

REAL_ORDERS = Path(__file__).parents[4] / "shared" / "data" / "olist-orders.ndjson"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL_ORDERS.is_file(), reason="the real orders do not lie in ../shared/data"),
]


def test_every_real_order_is_imported_once_and_the_sums_are_the_files(run_import):
    content = REAL_ORDERS.read_bytes()
    orders = [json.loads(text) for text in content.splitlines()]
    totals: Counter[str] = Counter()
    for order in orders:
        totals[order["storefront"]] += order["total_amount"]

    done = run_import(content)
    again = run_import(content)

    assert len(orders) == 5867
    assert (done.code, again.code) == (0, 0)
    assert "Read 5,867 lines: 5,867 placed, 0 skipped, 0 refused." in done.report
    assert "Read 5,867 lines: 0 placed, 5,867 skipped, 0 refused." in again.report
    assert dict(Storefront.objects.annotate(total=Sum("orders__total_amount")).values_list("code", "total")) == totals
    assert totals == {
        "br-centralwest": 6052924,
        "br-north": 2175744,
        "br-northeast": 11479257,
        "br-south": 14107430,
        "br-southeast": 67186541,
    }
    assert dict(Order.objects.values_list("status").annotate(Count("pk"))) == {
        "confirmed": 489, "shipped": 866, "completed": 4127, "canceled": 385,
    }  # fmt: skip
    assert dict(Order.objects.values_list("payment_status").annotate(Count("pk"))) == {
        "paid": 5834, "overpaid": 25, "partially_paid": 8,
    }  # fmt: skip
    assert Shipment.objects.count() == 5057
    assert Event.objects.filter(type="order.created", sequence=1).count() == 5867


def test_the_same_orders_written_as_csv_are_the_same(run_import):
    orders = [json.loads(text) for text in REAL_ORDERS.read_text().splitlines()[:200]]
    run_import("".join(json.dumps(order) + "\n" for order in orders))
    from_ndjson = _without_identity()
    Order.all_objects.update(external_reference=None)

    done = run_import(_as_csv(orders), name="orders.csv")

    assert (done.code, "200 placed, 0 skipped, 0 refused" in done.report) == (0, True)
    from_csv = _without_identity()
    assert from_csv == from_ndjson
    assert len(from_csv) == 200


def _without_identity() -> list[dict[str, Any]]:
    """The orders that have a reference, without the ids and numbers that each import makes anew."""
    referenced = Order.objects.exclude(external_reference=None).order_by("external_reference")
    documents = [document_of(order) for order in referenced]
    for document in documents:
        for made in (document, *document["items"], *document["shipments"]):
            del made["id"]
        del document["number"]
    return documents


def _as_csv(orders: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    rows = [row for order in orders for row in _rows(order)]
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _rows(order: dict[str, Any]) -> list[dict[str, Any]]:
    columns = {name: value for name, value in order.items() if not isinstance(value, list | dict)}
    for name in ("shipping_address", "history"):
        columns |= {f"{name}.{field}": value for field, value in order[name].items()}
    columns["payments"] = "; ".join(
        f"{payment['method']} {payment['amount']}/{payment['installments']}" for payment in order["payments"]
    )
    return [columns | item for item in order["items"]]
