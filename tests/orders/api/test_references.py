"""What others know an order and its parts by is taken exactly as it is sent, or refused."""

from __future__ import annotations

import json

import pytest

from orders.models import Order, PaymentRecord, Shipment
from orders.rules.statuses import OrderStatus
from tests.base import make_ready
from tests.orders.asking import ask
from tests.orders.refusals import assert_nothing_happened, assert_refused

CUP = {"product_id": "cup", "quantity": 1}
WRONG = {
    "blank": " ",
    "a no-break blank": "\u00a0",
    "unseen": "\u200b",
    "a blank before": " web-1",
    "a blank after": "web-1 ",
    "a wide blank after": "web-1\u3000",
    "a byte order mark before": "\ufeffweb-1",
    "a direction mark after": "web-1\u200e",
    "a line break after": "web-1\n",
    "a line break within": "web\n1",
    "an escape": "web\x1b[31m1",
    "a NUL": "web\x001",
    "a C1 control": "web\x9b1",
    "a line separator": "web\u20281",
}
WORDS = "Expected neither control characters (such as a line break) nor blanks around it."
wrong = pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)


def assert_refused_at(response, pointer):
    problem = assert_refused(response, 400, "validation_error")
    assert problem["errors"] == [{"pointer": pointer, "code": "wrong_format", "detail": WORDS}]


@wrong
@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda text: {"customer_id": text}, "/customer_id"),
        (lambda text: {"external_reference": text}, "/external_reference"),
        (lambda text: {"items": [CUP, {"product_id": text, "quantity": 1}]}, "/items/1/product_id"),
    ],
    ids=["customer", "reference", "product"],
)
def test_placing_refuses_it(api, stock, text, change, pointer):
    stock(cup=10)
    body = {"customer_id": "c", "items": [CUP], **change(text)}

    response = api.post("/api/v1/orders", body, content_type="application/json")

    assert_refused_at(response, pointer)
    assert_nothing_happened()


def test_a_batch_refuses_the_one_order_and_says_where(api, stock):
    stock(cup=10)
    orders = [{"customer_id": customer, "items": [CUP]} for customer in ("ann", "bob\t", "cy")]

    response = api.post("/api/v1/orders/batch", {"orders": orders}, content_type="application/json")

    results = response.json()["results"]
    assert [result["status"] for result in results] == [201, 400, 201]
    assert results[1]["error"]["errors"][0]["pointer"] == "/orders/1/customer_id"


def test_a_batch_also_says_where_when_it_finds_out_only_while_it_places(api, storefront, stock):
    stock(cup=10)
    storefront.currency = ""
    storefront.save()
    one = {"customer_id": "ann", "items": [CUP]}
    orders = [{**one, "external_reference": "r1"}, {**one, "total_amount": 5}, {**one, "external_reference": "r1"}]

    response = api.post("/api/v1/orders/batch", {"orders": orders}, content_type="application/json")

    results = response.json()["results"]
    assert [result["status"] for result in results] == [201, 400, 409]
    pointers = [error["pointer"] for result in results[1:] for error in result["error"]["errors"]]
    assert pointers == ["/orders/1/currency", "/orders/2/external_reference"]


@wrong
@pytest.mark.parametrize("field", ["customerId", "productId"])
def test_the_first_version_refuses_it(api, stock, text, field):
    stock(cup=10)
    item = {"productId": text if field == "productId" else "cup", "quantity": 1}
    body = {"customerId": text if field == "customerId" else "c", "items": [item]}

    response = api.post("/order/create", body, content_type="application/json")

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["pointer"] == ("/items/0/productId" if field == "productId" else "/customerId")
    assert (error["code"], error["detail"]) == ("wrong_format", WORDS)
    assert_nothing_happened()


@wrong
def test_tracking_refuses_it_in_every_version(api, place_order, text):
    order_id = place_order(cup=1)["id"]
    make_ready("track", order_id)
    before = list(Shipment.objects.values_list("tracking_number", flat=True))

    assert_refused_at(ask(api, order_id, "track", tracking_number=text), "/tracking_number")
    first = api.put(f"/order/update/{order_id}", {"trackingNumber": text}, content_type="application/json")

    assert (first.status_code, first.json()["errors"][0]["detail"]) == (400, WORDS)
    assert first.json()["errors"][0]["pointer"] == "/trackingNumber"
    assert list(Shipment.objects.values_list("tracking_number", flat=True)) == before


def test_an_empty_tracking_number_of_the_first_version_is_still_none(api, place_order):
    order_id = place_order(cup=1)["id"]
    make_ready("track", order_id)
    body = {"trackingNumber": "", "trackingCompany": "DHL"}

    response = api.put(f"/order/update/{order_id}", body, content_type="application/json")

    assert response.status_code == 200
    assert response.json()["data"]["trackingCompany"] == "DHL"


@wrong
@pytest.mark.parametrize("field", ["psp_reference", "parent_reference"])
def test_recording_a_payment_refuses_it(api, place_order, text, field):
    order_id = place_order(cup=1)["id"]
    payment = {"kind": "capture", "amount": 1, "psp_reference": "p", field: text}

    assert_refused_at(ask(api, order_id, "record_payment", **payment), f"/{field}")
    assert not PaymentRecord.objects.exists()


@wrong
def test_an_amendment_adds_no_such_product(api, place_order, text):
    order_id = place_order(cup=1)["id"]

    response = ask(api, order_id, "amend", items=[{"product_id": text, "quantity": 1}])

    assert_refused_at(response, "/items/0/product_id")
    assert Order.objects.get().version == 1


def test_bulk_says_where_in_its_arguments(api, place_order):
    order_id = place_order(cup=1)["id"]
    body = {"operation": "track", "ids": [order_id], "arguments": {"tracking_number": "1Z "}}

    response = api.post("/api/v1/orders/bulk", body, content_type="application/json")

    assert_refused_at(response, "/arguments/tracking_number")


def test_what_has_blanks_and_joiners_within_and_other_scripts_is_taken_as_it_is(api, stock):
    body = {
        "customer_id": "می\u200cخواهم 7",
        "external_reference": "Größe/№ 1",
        "items": [{"product_id": "茶 碗", "quantity": 1}],
    }
    stock(**{"茶 碗": 1})

    placed = api.post("/api/v1/orders", json.dumps(body), content_type="application/json")

    assert placed.status_code == 201
    order = placed.json()
    assert (order["customer_id"], order["external_reference"]) == (body["customer_id"], body["external_reference"])
    assert order["status"] == OrderStatus.PENDING
    assert order["items"][0]["product_id"] == "茶 碗"
