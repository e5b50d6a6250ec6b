from datetime import UTC, datetime

import orjson
import pytest

from events.models import Event, OutboxEntry
from inventory_client.models import Stock
from orders.ids import time_of
from orders.models import Order, OrderItem, Shipment, Storefront
from orders.order_documents import document_of
from orders.signals import order_changed
from tests.orders.importing.lines import history, line

APPROVED = "2017-03-01T11:00:00Z"
SHIPPED = "2017-03-02T12:00:00Z"
DELIVERED = "2017-03-05T13:00:00Z"


def test_keeps_when_the_order_was_placed_and_how_it_went(run_import):
    done = run_import(line())

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert order.placed_at == datetime(2017, 3, 1, 10, tzinfo=UTC)
    assert order.updated_at == datetime(2017, 3, 5, 13, tzinfo=UTC)
    assert time_of(order.pk) == datetime(2017, 3, 1, 10, tzinfo=UTC)
    assert (order.status, order.payment_status, order.fulfillment_status) == ("completed", "paid", "fulfilled")
    assert (order.items_amount, order.shipping_amount, order.total_amount) == (2000, 500, 2500)
    assert (order.reservation_id, order.reserved_until, order.version) == (None, None, 1)
    item = OrderItem.objects.get()
    assert (item.product_id, item.quantity, item.shipped, item.canceled) == ("cup", 2, 2, 0)
    shipment = Shipment.objects.get()
    assert shipment.shipped_at == datetime(2017, 3, 2, 12, tzinfo=UTC)
    assert shipment.delivered_at == datetime(2017, 3, 5, 13, tzinfo=UTC)
    assert order.metadata == {
        "marketplace_status": "delivered",
        "approved_at": "2017-03-01T11:00:00.000000Z",
        "estimated_delivery_at": "2017-03-20T00:00:00.000000Z",
        "paid_amount": "2500",
        "payments": "credit_card 2500/3",
    }


def test_creates_the_storefront_named_in_the_line(run_import):
    run_import(line())

    storefront = Storefront.objects.get()
    assert (storefront.code, storefront.name) == ("br-south", "Br South")
    assert (storefront.number_prefix, storefront.currency) == ("BRS", "BRL")
    assert Order.objects.get().number.startswith("BRS-")


def test_uses_the_storefront_that_is_there(run_import, storefront):
    run_import(line(storefront="au"))

    assert Order.objects.get().storefront == storefront
    assert Storefront.objects.count() == 1


def test_touches_no_stock(run_import, stock):
    stock(cup=1)

    done = run_import(line(history=history("created")))

    assert done.code == 0
    cup = Stock.objects.get()
    assert (cup.on_hand, cup.reserved) == (1, 0)


def test_tells_one_event_for_each_order_as_it_stands(run_import):
    run_import(line())

    event = Event.objects.get()
    assert (event.type, event.sequence, event.actor) == ("order.created", 1, "system:import_orders")
    assert event.reason == "imported"
    assert event.occurred_at == datetime(2017, 3, 1, 10, tzinfo=UTC)
    shown = orjson.loads(orjson.dumps(document_of(Order.objects.get())))
    told = event.data["order"]
    assert told == {name: shown[name] for name in told}
    assert told["shipments"][0]["delivered_at"] == "2017-03-05T13:00:00.000000Z"
    assert OutboxEntry.objects.filter(event_id=event.pk).count() == 1


def test_a_receiver_that_fails_imports_nothing(run_import):
    def fail(**kwargs):
        raise RuntimeError("the receiver failed")

    order_changed.connect(fail)
    try:
        with pytest.raises(RuntimeError, match="the receiver failed"):
            run_import(line())
    finally:
        order_changed.disconnect(fail)

    assert Order.objects.count() == 0
    assert Event.objects.count() == 0


@pytest.mark.parametrize(
    ("told", "status", "fulfillment", "reason", "shipped", "canceled", "shipments"),
    [
        (history("created"), "pending", "unfulfilled", None, 0, 0, 0),
        (history("approved"), "confirmed", "unfulfilled", None, 0, 0, 0),
        (history("processing"), "confirmed", "unfulfilled", None, 0, 0, 0),
        (history("invoiced"), "confirmed", "unfulfilled", None, 0, 0, 0),
        (history("shipped", shipped_at=SHIPPED), "shipped", "fulfilled", None, 2, 0, 1),
        (history("shipped"), "shipped", "fulfilled", None, 2, 0, 0),
        (history("delivered", shipped_at=SHIPPED), "completed", "fulfilled", None, 2, 0, 1),
        (history("delivered", delivered_at=DELIVERED), "completed", "fulfilled", None, 2, 0, 1),
        (history("delivered"), "completed", "fulfilled", None, 2, 0, 0),
        (history("canceled"), "canceled", "unfulfilled", "other", 0, 2, 0),
        (history("canceled", shipped_at=SHIPPED), "canceled", "fulfilled", "other", 2, 0, 1),
        (history("unavailable"), "canceled", "unfulfilled", "out_of_stock", 0, 2, 0),
        (history("processing", shipped_at=SHIPPED), "shipped", "fulfilled", None, 2, 0, 1),
        (history("shipped", shipped_at=SHIPPED, delivered_at=DELIVERED), "completed", "fulfilled", None, 2, 0, 1),
    ],
)
def test_maps_the_marketplaces_words(run_import, told, status, fulfillment, reason, shipped, canceled, shipments):
    done = run_import(line(history=told))

    assert done.code == 0
    order, item = Order.objects.get(), OrderItem.objects.get()
    assert (order.status, order.fulfillment_status, order.cancel_reason) == (status, fulfillment, reason)
    assert (item.shipped, item.canceled) == (shipped, canceled)
    assert Shipment.objects.count() == shipments
    assert order.metadata["marketplace_status"] == told["status"]


@pytest.mark.parametrize(
    ("approved_at", "amounts", "payment_status"),
    [
        (APPROVED, [2500], "paid"),
        (APPROVED, [2000, 500], "paid"),
        (APPROVED, [2499], "partially_paid"),
        (APPROVED, [2500, 1], "overpaid"),
        (APPROVED, [0], "unpaid"),
        (APPROVED, [], "paid"),
        (None, [2500], "unpaid"),
    ],
)
def test_payment_status_is_what_was_approved_against_the_total(run_import, approved_at, amounts, payment_status):
    payments = [{"method": "voucher", "amount": amount} for amount in amounts]

    done = run_import(line(payments=payments, history={"status": "created", "approved_at": approved_at}))

    assert done.code == 0
    assert Order.objects.get().payment_status == payment_status


def test_survives_stamps_out_of_order_and_a_product_at_two_prices_without_a_name(run_import):
    items = [
        {"product_id": "cup", "name": None, "quantity": 1, "unit_amount": 1000},
        {"product_id": "cup", "name": None, "quantity": 1, "unit_amount": 900},
    ]
    told = history("delivered", approved_at=DELIVERED, shipped_at=SHIPPED, delivered_at=APPROVED)

    done = run_import(line(items=items, total_amount=2400, history=told))

    assert done.code == 0
    prices = OrderItem.objects.order_by("position").values_list("product_id", "name", "unit_amount")
    assert list(prices) == [("cup", None, 1000), ("cup", None, 900)]
    order, shipment = Order.objects.get(), Shipment.objects.get()
    assert order.updated_at == datetime(2017, 3, 5, 13, tzinfo=UTC)
    assert shipment.shipped_at == datetime(2017, 3, 2, 12, tzinfo=UTC)
    assert shipment.delivered_at == datetime(2017, 3, 1, 11, tzinfo=UTC)


def test_leaves_out_payments_that_are_too_many_to_tell(run_import):
    payments = [{"method": "voucher", "amount": 25, "installments": 1}] * 100

    done = run_import(line(payments=payments))

    assert done.code == 0
    metadata = Order.objects.get().metadata
    assert metadata["paid_amount"] == "2500"
    assert "payments" not in metadata


def test_takes_what_placing_takes_too(run_import):
    whole = line(
        contact={"email": "ana@example.com", "phone": None},
        tax_amount=100,
        discount_amount=50,
        total_amount=2550,
        note="Ring twice.",
        metadata={"channel": "app", "payments": "own words"},
    )

    done = run_import(whole)

    assert done.code == 0
    order = Order.objects.get()
    assert (order.contact_email, order.note, order.total_amount) == ("ana@example.com", "Ring twice.", 2550)
    assert (order.metadata["channel"], order.metadata["payments"]) == ("app", "own words")


def test_an_order_without_history_prices_or_currency_is_a_pending_one(run_import):
    bare = line(
        currency=..., shipping_amount=..., total_amount=..., payments=..., history=...,
        items=[{"product_id": "cup", "quantity": 1}],
    )  # fmt: skip

    done = run_import(bare)

    assert done.code == 0
    order = Order.objects.get()
    assert (order.status, order.payment_status, order.total_amount, order.currency) == ("pending", "unpaid", None, None)


def test_newest_order_comes_first_in_the_list_whatever_the_order_of_the_lines(run_import, client_of):
    run_import(
        line("middle", placed_at="2017-03-02T00:00:00Z")
        + line("oldest", placed_at="2017-03-01T00:00:00+14:00")
        + line("newest", placed_at="2017-03-02T00:00:00.001Z")
    )

    listed = client_of(Storefront.objects.get()).get("/api/v1/orders").json()

    assert [order["external_reference"] for order in listed["results"]] == ["newest", "middle", "oldest"]
