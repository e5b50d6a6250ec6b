"""A marketplace's real orders, where they lie beside the checkout (they are not part of the project).

Of the thousands a few of each kind are imported: what a kind is stands in `_kind`.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone

from events.models import Event
from orders.importing.files import ndjson_entries
from orders.importing.rows import order_entries
from orders.importing.spreadsheets import Spreadsheet
from orders.models import Order, OrderItem, Refund, Storefront
from tests.orders.importing.lives import life_of

REAL_ORDERS = Path(__file__).parents[4] / "shared" / "data" / "olist-orders.ndjson"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL_ORDERS.is_file(), reason="the real orders do not lie in ../shared/data"),
]


def test_real_orders_of_every_kind_come_as_far_as_they_really_did(run_import):
    sample = list(_of_each_kind(2))
    content = "".join(json.dumps(order) + "\n" for order in sample)

    done = run_import(content)
    again = run_import(content)

    assert len(sample) > 100
    assert (done.code, again.code) == (0, 0)
    assert f"{len(sample)} placed, 0 skipped, 0 refused." in done.report
    assert f"0 placed, {len(sample)} skipped, 0 refused." in again.report
    imported = Order.objects.values_list("external_reference", "status", "payment_status", "captured_amount")
    assert {reference: tuple(rest) for reference, *rest in imported} == {
        order["external_reference"]: _as_it_ended(order) for order in sample
    }
    totals: Counter[str] = Counter()
    for order in sample:
        totals[order["storefront"]] += order["total_amount"]
    assert dict(Storefront.objects.annotate(total=Sum("orders__total_amount")).values_list("code", "total")) == totals


def test_ledgers_money_and_events_of_real_orders_agree(run_import):
    sample = list(_of_each_kind(1))

    run_import("".join(json.dumps(order) + "\n" for order in sample))

    assert Order.objects.count() == len(sample)
    for item in OrderItem.objects.all():
        shipped = item.order.shipments.filter(items__item=item).aggregate(units=Sum("items__quantity"))["units"] or 0
        assert (item.shipped, item.returned) == (shipped, 0)
        assert item.canceled == (item.quantity if item.order.status == "canceled" else 0)
    for order in Order.objects.all():
        assert order.captured_amount == (order.payments.aggregate(sum=Sum("amount"))["sum"] or 0)
        sequences = Event.objects.filter(stream_id=order.pk).order_by("sequence").values_list("sequence", flat=True)
        assert list(sequences) == list(range(1, order.version + 1))
        times = [moment for _, moment in life_of(order.external_reference)]
        assert all(earlier <= later for earlier, later in pairwise(times))
    assert not Refund.objects.exists()
    assert not Event.objects.exclude(data__instructions=[]).exists()


def test_the_same_orders_written_as_csv_are_the_same():
    content = REAL_ORDERS.read_bytes()
    now = timezone.now()

    from_ndjson = [entry.content for entry in ndjson_entries(io.BytesIO(content), now=now)]
    from_csv = [entry.content for entry in order_entries(io.BytesIO(_as_csv(content).encode()), Spreadsheet(), now=now)]

    assert len(from_csv) == 5867
    assert from_csv == from_ndjson


def _of_each_kind(most: int) -> Iterator[dict[str, Any]]:
    """The first orders of each kind in the file, at most so many of one."""
    seen: Counter[Any] = Counter()
    for text in REAL_ORDERS.read_text().splitlines():
        order = json.loads(text)
        kind = _kind(order)
        seen[kind] += 1
        if seen[kind] <= most:
            yield order


def _kind(order: dict[str, Any]) -> tuple[Any, ...]:
    """What makes an order odd, or plain: where, how far, which stamps, in which order, how it was paid."""
    history = order["history"]
    stamps = [history[name] for name in ("approved_at", "shipped_at", "delivered_at")]
    known = [order["placed_at"], *filter(None, stamps)]
    paid = sum(payment["amount"] for payment in order["payments"])
    return (
        order["storefront"],
        history["status"],
        *map(bool, stamps),
        known == sorted(known),
        (paid > order["total_amount"]) - (paid < order["total_amount"]),
        len(order["payments"]) > 1,
        any(payment["amount"] == 0 for payment in order["payments"]),
    )


def _as_it_ended(order: dict[str, Any]) -> tuple[str, str, int]:
    """Status, payment status and captured amount, as a reader of the file would say."""
    history = order["history"]
    if history["delivered_at"] or history["status"] == "delivered":
        status = "completed"
    elif history["shipped_at"] or history["status"] == "shipped":
        status = "shipped"
    else:
        status = "canceled" if history["status"] in ("canceled", "unavailable") else "confirmed"
    paid = sum(payment["amount"] for payment in order["payments"])
    due = 0 if status == "canceled" else order["total_amount"]
    payment_status = "paid" if paid == due else "overpaid" if paid > due else "partially_paid"
    return status, payment_status, paid


def _as_csv(content: bytes) -> str:
    text = io.StringIO()
    rows = [row for line in content.splitlines() for row in _rows(json.loads(line))]
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
