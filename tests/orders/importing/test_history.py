from datetime import UTC, datetime

import orjson
import pytest

from events.models import Event, OutboxEntry
from inventory_client.models import Stock
from orders.announcing.signals import order_changed
from orders.models import Order, OrderItem, PaymentRecord, Refund, Shipment, ShipmentItem, Storefront
from orders.reading.documents import document_of
from orders.rules.ids import time_of
from tests.orders.importing.lines import history, line
from tests.orders.importing.lives import life_of, operations_of

APPROVED = "2017-03-01T11:00:00Z"
SHIPPED = "2017-03-02T12:00:00Z"
DELIVERED = "2017-03-05T13:00:00Z"


def test_keeps_when_the_order_was_placed_and_how_it_went(run_import):
    done = run_import(line())

    assert (done.code, done.error) == (0, "")
    order = Order.objects.get()
    assert order.placed_at == datetime(2017, 3, 1, 10, tzinfo=UTC)
    assert order.updated_at == datetime(2017, 3, 5, 13, tzinfo=UTC)
    assert order.delivered_at == datetime(2017, 3, 5, 13, tzinfo=UTC)
    assert time_of(order.pk) == datetime(2017, 3, 1, 10, tzinfo=UTC)
    assert (order.status, order.payment_status, order.fulfillment_status) == ("completed", "paid", "fulfilled")
    assert (order.items_amount, order.shipping_amount, order.total_amount) == (2000, 500, 2500)
    assert (order.reservation_id, order.reserved_until, order.version) == (None, None, 6)
    item = OrderItem.objects.get()
    assert (item.product_id, item.quantity, item.shipped, item.canceled) == ("cup", 2, 2, 0)
    shipment = Shipment.objects.get()
    assert shipment.shipped_at == datetime(2017, 3, 2, 12, tzinfo=UTC)
    assert shipment.delivered_at == datetime(2017, 3, 5, 13, tzinfo=UTC)
    assert [(line.item, line.quantity) for line in shipment.items.all()] == [(item, 2)]
    assert order.metadata == {
        "marketplace_status": "delivered",
        "approved_at": "2017-03-01T11:00:00.000000Z",
        "estimated_delivery_at": "2017-03-20T00:00:00.000000Z",
        "paid_amount": "2500",
        "payments": "credit_card 2500/3",
    }


def test_each_operation_is_an_event_of_its_time(run_import):
    run_import(line())

    assert life_of() == [
        ("place", "2017-03-01 10:00"),
        ("record_payment", "2017-03-01 11:00"),
        ("confirm", "2017-03-01 11:00"),
        ("ship", "2017-03-02 12:00"),
        ("deliver", "2017-03-05 13:00"),
        ("complete", "2017-03-05 13:00"),
    ]
    told = Event.objects.with_reasons().order_by("sequence")
    assert [(event.sequence, event.type, event.actor, event.told_reason) for event in told] == [
        (1, "order.created", "system:import_orders", "imported"),
        (2, "order.updated", "system:import_orders", "imported"),
        (3, "order.updated", "system:import_orders", "imported"),
        (4, "order.updated", "system:import_orders", "imported"),
        (5, "order.updated", "system:import_orders", "imported"),
        (6, "order.updated", "system:import_orders", "imported"),
    ]
    assert OutboxEntry.objects.count() == 6


def test_the_events_tell_the_order_as_it_was_and_as_it_is(run_import):
    run_import(line())

    first, *_, last = Event.objects.order_by("sequence")
    assert (first.data["order"]["status"], first.data["order"]["shipments"]) == ("pending", [])
    shown = orjson.loads(orjson.dumps(document_of(Order.objects.get())))
    told = last.data["order"]
    assert told == {name: shown[name] for name in told}
    assert last.data["changes"] == {"status": ["shipped", "completed"]}


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

    done = run_import(line("r1") + line("r2", history=history("canceled", approved_at=APPROVED)))

    assert done.code == 0
    cup = Stock.objects.get()
    assert (cup.on_hand, cup.reserved) == (1, 0)
    assert not Order.objects.exclude(stock_action=None).exists()


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
    ("told", "status", "fulfillment", "reason", "shipped", "canceled", "operations"),
    [
        (history("created"), "pending", "unfulfilled", None, 0, 0, []),
        (history("approved"), "confirmed", "unfulfilled", None, 0, 0, ["confirm"]),
        (history("processing"), "confirmed", "unfulfilled", None, 0, 0, ["confirm"]),
        (history("invoiced"), "confirmed", "unfulfilled", None, 0, 0, ["confirm"]),
        (history("shipped", shipped_at=SHIPPED), "shipped", "fulfilled", None, 2, 0, ["confirm", "ship"]),
        (history("shipped"), "shipped", "fulfilled", None, 2, 0, ["confirm", "ship"]),
        (
            history("delivered", shipped_at=SHIPPED),
            *("completed", "fulfilled", None, 2, 0, ["confirm", "ship", "complete"]),
        ),
        (
            history("delivered", delivered_at=DELIVERED),
            *("completed", "fulfilled", None, 2, 0, ["confirm", "ship", "deliver", "complete"]),
        ),
        (history("delivered"), "completed", "fulfilled", None, 2, 0, ["confirm", "ship", "complete"]),
        (history("canceled"), "canceled", "unfulfilled", "other", 0, 2, ["cancel"]),
        (
            history("canceled", approved_at=APPROVED),
            *("canceled", "unfulfilled", "other", 0, 2, ["record_payment", "confirm", "cancel"]),
        ),
        (history("unavailable"), "canceled", "unfulfilled", "out_of_stock", 0, 2, ["cancel"]),
        (history("processing", shipped_at=SHIPPED), "shipped", "fulfilled", None, 2, 0, ["confirm", "ship"]),
        (
            history("shipped", shipped_at=SHIPPED, delivered_at=DELIVERED),
            *("completed", "fulfilled", None, 2, 0, ["confirm", "ship", "deliver", "complete"]),
        ),
        (history("canceled", shipped_at=SHIPPED), "shipped", "fulfilled", None, 2, 0, ["confirm", "ship"]),
        (
            history("canceled", shipped_at=SHIPPED, delivered_at=DELIVERED),
            *("completed", "fulfilled", None, 2, 0, ["confirm", "ship", "deliver", "complete"]),
        ),
    ],
)
def test_maps_the_marketplaces_words(run_import, told, status, fulfillment, reason, shipped, canceled, operations):
    done = run_import(line(history=told))

    assert done.code == 0
    order, item = Order.objects.get(), OrderItem.objects.get()
    assert (order.status, order.fulfillment_status, order.cancel_reason) == (status, fulfillment, reason)
    assert (item.shipped, item.canceled) == (shipped, canceled)
    assert operations_of() == ["place", *operations]
    assert Shipment.objects.count() == (1 if shipped else 0)
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


def test_each_payment_that_was_approved_is_a_capture(run_import):
    payments = [
        {"method": "credit_card", "amount": 2000},
        {"method": "voucher", "amount": 0},
        {"method": "x", "amount": 7},
    ]

    run_import(line(payments=payments, history=history("created", approved_at=APPROVED)))

    approved_at = datetime(2017, 3, 1, 11, tzinfo=UTC)
    facts = PaymentRecord.objects.values_list(
        "kind", "amount", "currency", "psp", "psp_reference", "late", "occurred_at", "recorded_at"
    )
    assert list(facts) == [
        ("capture", 2000, "BRL", "import", "r1/1", False, approved_at, approved_at),
        ("capture", 7, "BRL", "import", "r1/3", False, approved_at, approved_at),
    ]
    assert Order.objects.get().captured_amount == 2007


def test_nobody_is_told_to_pay_back_what_was_paid_for_a_canceled_order(run_import):
    run_import(line(history=history("canceled", approved_at=APPROVED)))

    order = Order.objects.get()
    assert (order.status, order.payment_status) == ("canceled", "overpaid")
    assert (order.captured_amount, order.refund_pending_amount, order.refunded_amount) == (2500, 0, 0)
    assert not Refund.objects.exists()
    assert [event.data["instructions"] for event in Event.objects.all()] == [[], [], [], []]


@pytest.mark.parametrize("policy", ["on_payment", "on_authorization"])
def test_a_storefront_that_confirms_what_is_paid_does_so_once(run_import, storefront, policy):
    storefront.confirmation_policy = policy
    storefront.save()

    done = run_import(line(storefront="au", currency="AUD"))

    assert done.code == 0
    assert Order.objects.get().status == "completed"
    assert operations_of() == ["place", "record_payment", "ship", "deliver", "complete"]


def test_stamps_out_of_order_are_kept_and_no_operation_comes_before_the_one_before_it(run_import):
    told = history("delivered", approved_at=DELIVERED, shipped_at=SHIPPED, delivered_at=APPROVED)

    done = run_import(line(history=told))

    assert done.code == 0
    assert life_of() == [
        ("place", "2017-03-01 10:00"),
        ("record_payment", "2017-03-05 13:00"),
        ("confirm", "2017-03-05 13:00"),
        ("ship", "2017-03-05 13:00"),
        ("deliver", "2017-03-05 13:00"),
        ("complete", "2017-03-05 13:00"),
    ]
    order, shipment = Order.objects.get(), Shipment.objects.get()
    assert order.updated_at == datetime(2017, 3, 5, 13, tzinfo=UTC)
    assert shipment.shipped_at == datetime(2017, 3, 2, 12, tzinfo=UTC)
    assert shipment.delivered_at == datetime(2017, 3, 1, 11, tzinfo=UTC)


def test_stamps_before_the_order_was_placed_are_survived(run_import):
    early = "2017-02-01T00:00:00Z"
    told = history("delivered", approved_at=early, shipped_at=early, delivered_at=early)

    done = run_import(line(history=told))

    assert done.code == 0
    assert {moment for _, moment in life_of()} == {"2017-03-01 10:00"}
    assert Order.objects.get().status == "completed"


def test_an_operation_without_a_stamp_happens_with_the_one_before_it(run_import):
    done = run_import(line(history=history("delivered", shipped_at=SHIPPED)))

    assert done.code == 0
    assert life_of() == [
        ("place", "2017-03-01 10:00"),
        ("confirm", "2017-03-01 10:00"),
        ("ship", "2017-03-02 12:00"),
        ("complete", "2017-03-02 12:00"),
    ]
    assert Shipment.objects.get().delivered_at == datetime(2017, 3, 2, 12, tzinfo=UTC)


def test_survives_a_product_at_two_prices_without_a_name(run_import):
    items = [
        {"product_id": "cup", "name": None, "quantity": 1, "unit_amount": 1000},
        {"product_id": "cup", "name": None, "quantity": 1, "unit_amount": 900},
    ]

    done = run_import(line(items=items, total_amount=2400))

    assert done.code == 0
    rows = OrderItem.objects.order_by("position").values_list("product_id", "name", "unit_amount", "shipped")
    assert list(rows) == [("cup", None, 1000, 1), ("cup", None, 900, 1)]
    assert sum(line.quantity for line in ShipmentItem.objects.all()) == 2


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


def test_approved_without_a_price_nobody_knows_what_was_paid(run_import):
    bare = line(
        currency=..., shipping_amount=..., total_amount=..., payments=..., items=[{"product_id": "cup", "quantity": 1}]
    )

    done = run_import(bare)

    assert done.code == 0
    order = Order.objects.get()
    assert (order.status, order.payment_status, order.captured_amount) == ("completed", "unpaid", 0)


def test_newest_order_comes_first_in_the_list_whatever_the_order_of_the_lines(run_import, client_of):
    run_import(
        line("middle", placed_at="2017-03-02T00:00:00Z")
        + line("oldest", placed_at="2017-03-01T00:00:00+14:00")
        + line("newest", placed_at="2017-03-02T00:00:00.001Z")
    )

    listed = client_of(Storefront.objects.get()).get("/api/v1/orders").json()

    assert [order["external_reference"] for order in listed["results"]] == ["newest", "middle", "oldest"]


def test_an_order_of_the_past_is_in_the_currency_of_its_time_and_is_paid_in_it(run_import):
    done = run_import(line(currency="HRK"))

    assert done.code == 0
    order = Order.objects.get()
    assert (order.currency, order.total_amount, order.payment_status) == ("HRK", 2500, "paid")
    assert [payment.currency for payment in order.payments.all()] == ["HRK"]


def test_a_storefront_made_by_history_has_no_currency_that_nobody_pays_in(run_import):
    run_import(line(currency="ITL", storefront="roma") + line("r2", storefront="milano", currency="EUR"))

    assert dict(Storefront.objects.values_list("code", "currency")) == {"roma": "", "milano": "EUR"}


def test_history_that_names_no_currency_is_in_the_one_its_storefront_had(run_import, storefront):
    Storefront.objects.update(currency="DEM")

    done = run_import(line(storefront="au", currency=None))

    assert (done.code, Order.objects.get().currency) == (0, "DEM")


def test_contact_address_and_currency_are_taken_as_they_were_meant(run_import):
    done = run_import(
        line(
            currency="brl\u200e",
            contact={"email": "\u00a0ana@example.com\t"},
            shipping_address={
                "city": "\u202bمی\u200cخواهم\u202c",
                "postal_code": "１０",
                "country": " br",
                "region": "",
            },
            billing_address={"city": "\u3000"},
        )
    )

    assert done.code == 0
    order = Order.objects.get()
    assert (order.currency, order.contact_email, order.billing_address) == ("BRL", "ana@example.com", None)
    told = {name: value for name, value in order.shipping_address.items() if value is not None}
    assert told == {"city": "می\u200cخواهم", "postal_code": "10", "country": "BR"}


def test_a_phone_is_told_in_e164_and_no_line_is_refused_for_one(run_import):
    brazil = {"shipping_address": {"country": "BR"}}

    done = run_import(
        line("r1", contact={"phone": "(41) 3333-4444"}, **brazil) + line("r2", contact={"phone": "?"}, **brazil)
    )

    assert done.code == 0
    known = Order.objects.order_by("external_reference").values_list("contact_phone", "contact_phone_e164")
    assert list(known) == [("(41) 3333-4444", "+554133334444"), ("?", None)]
