"""What gets no order: each body is refused with its code, in every way in that takes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from orders.models import Order
from tests.orders.refusals import assert_nothing_happened, assert_refused

MAX = 2**53 - 1
CUP = {"product_id": "cup", "quantity": 1}


def order(**changes: Any) -> bytes:
    """A good order's body, with these keys set otherwise."""
    return json.dumps({"customer_id": "cus123", "items": [CUP], **changes}).encode()


def without(key: str) -> bytes:
    body = json.loads(order())
    del body[key]
    return json.dumps(body).encode()


def item(**changes: Any) -> bytes:
    return order(items=[{**CUP, **changes}])


def priced(unit_amount: int, quantity: int = 1, **changes: Any) -> bytes:
    return order(items=[{"product_id": "cup", "quantity": quantity, "unit_amount": unit_amount}], **changes)


MALFORMED = {
    "nothing": b"",
    "text": b"order please",
    "half an object": b'{"customer_id": "cus123", "items": [',
    "two objects": order() + order(),
    "single quotes": b"{'customer_id': 'cus123'}",
    "trailing comma": b'{"customer_id": "cus123",}',
    "a raw NUL in a text": b'{"customer_id": "cus\x00123", "items": [{"product_id": "cup", "quantity": 1}]}',
    "a NUL between tokens": order() + b"\x00",
    "an escaped lone surrogate": b'{"customer_id": "\\ud800", "items": [{"product_id": "cup", "quantity": 1}]}',
    "a lone low surrogate": b'{"customer_id": "\\udc00x", "items": [{"product_id": "cup", "quantity": 1}]}',
    "a raw lone surrogate": b'{"customer_id": "\xed\xa0\x80", "items": [{"product_id": "cup", "quantity": 1}]}',
    "Latin-1": '{"customer_id": "Zoë", "items": [{"product_id": "cup", "quantity": 1}]}'.encode("latin-1"),
    "UTF-16": order().decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + order(),
    "NaN": b'{"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": NaN}]}',
    "a surrogate in a metadata key": order(metadata={"k": "v"}).replace(b'"k"', b'"\\udfff"'),
}

INVALID = {
    # name: (body, code of the field error, its pointer)
    "an array": (b"[]", "wrong_type", ""),
    "a text": (b'"order"', "wrong_type", ""),
    "null": (b"null", "wrong_type", ""),
    "a number": (b"1", "wrong_type", ""),
    "no customer": (without("customer_id"), "required", "/customer_id"),
    "no items": (without("items"), "required", "/items"),
    "a customer that is a number": (order(customer_id=5), "wrong_type", "/customer_id"),
    "a customer that is null": (order(customer_id=None), "wrong_type", "/customer_id"),
    "an empty customer": (order(customer_id=""), "out_of_range", "/customer_id"),
    "a long customer": (order(customer_id="c" * 201), "out_of_range", "/customer_id"),
    "an unknown field": (order(coupon="X"), "unknown_field", "/coupon"),
    "an unknown field of an item": (item(color="red"), "unknown_field", "/items/0/color"),
    "a status": (order(status="completed"), "unknown_field", "/status"),
    "empty items": (order(items=[]), "out_of_range", "/items"),
    "items that are an object": (order(items={}), "wrong_type", "/items"),
    "an item that is null": (order(items=[None]), "wrong_type", "/items/0"),
    "a quantity of zero": (item(quantity=0), "out_of_range", "/items/0/quantity"),
    "a negative quantity": (item(quantity=-1), "out_of_range", "/items/0/quantity"),
    "a huge quantity": (item(quantity=1_000_001), "out_of_range", "/items/0/quantity"),
    "a quantity beyond 64 bit": (item(quantity=2**64), "out_of_range", "/items/0/quantity"),
    "a quantity of 400 digits": (item(quantity=10**400), None, "/items/0/quantity"),
    "a quantity of 1.5": (item(quantity=1.5), "wrong_type", "/items/0/quantity"),
    "a quantity in text": (item(quantity="1"), "wrong_type", "/items/0/quantity"),
    "a quantity of true": (item(quantity=True), "wrong_type", "/items/0/quantity"),
    "a quantity of null": (item(quantity=None), "wrong_type", "/items/0/quantity"),
    "no quantity": (order(items=[{"product_id": "cup"}]), "required", "/items/0/quantity"),
    "an empty product": (item(product_id=""), "out_of_range", "/items/0/product_id"),
    "a second item that is wrong": (order(items=[CUP, {**CUP, "quantity": 0}]), "out_of_range", "/items/1/quantity"),
    "501 items": (order(items=[CUP] * 501), "out_of_range", "/items"),
    "10,000 items": (order(items=[CUP] * 10_000), "out_of_range", "/items"),
    "a negative price": (priced(-1), "out_of_range", "/items/0/unit_amount"),
    "a price with a fraction": (item(unit_amount=12.99), "wrong_type", "/items/0/unit_amount"),
    "a price beyond 2^53": (priced(2**53), "out_of_range", "/items/0/unit_amount"),
    "a sum beyond 2^53": (priced(MAX, quantity=2), "out_of_range", "/total_amount"),
    "a sum beyond 2^63": (priced(MAX, quantity=1_000_000), "out_of_range", "/total_amount"),
    "a sum beyond 2^53 that a discount hides": (
        priced(MAX, quantity=2, discount_amount=MAX),
        "out_of_range",
        "/items_amount",
    ),
    "a discount larger than the rest": (priced(100, discount_amount=101), "out_of_range", "/total_amount"),
    "a negative shipping": (order(shipping_amount=-1), "out_of_range", "/shipping_amount"),
    "a negative total": (order(total_amount=-1), "out_of_range", "/total_amount"),
    "one price of two": (
        order(items=[{**CUP, "unit_amount": 1}, {"product_id": "plate", "quantity": 1}]),
        "required",
        "/items/1/unit_amount",
    ),
    "a currency that is none": (order(currency="XXX"), "unknown_currency", "/currency"),
    "a currency that is a sign": (order(currency="€"), "wrong_format", "/currency"),
    "a currency that is blank": (order(currency=" "), "wrong_format", "/currency"),
    "a currency of the past": (order(currency="DEM"), "retired_currency", "/currency"),
    "a country that is none": (
        order(shipping_address={"country": "ZZ"}),
        "unknown_country",
        "/shipping_address/country",
    ),
    "a country of three letters": (
        order(billing_address={"country": "AUS"}),
        "wrong_format",
        "/billing_address/country",
    ),
    "an address that is a text": (order(shipping_address="5 Main St"), "wrong_type", "/shipping_address"),
    "an email that is none": (order(contact={"email": "nobody"}), "wrong_format", "/contact/email"),
    "an email in two lines": (order(contact={"email": "a@b.co\nc@d.co"}), "wrong_format", "/contact/email"),
    "a phone that is a number": (order(contact={"phone": 61255501234}), "wrong_type", "/contact/phone"),
    "a phone of 301 characters": (order(contact={"phone": "1" * 301}), "out_of_range", "/contact/phone"),
    "a phone in E.164, which is made here": (
        order(contact={"phone_e164": "+61255501234"}),
        "unknown_field",
        "/contact/phone_e164",
    ),
    "a contact that is null": (order(contact=None), "wrong_type", "/contact"),
    "a note of 5,001 characters": (order(note="n" * 5001), "out_of_range", "/note"),
    "51 metadata entries": (order(metadata={str(n): "" for n in range(51)}), "out_of_range", "/metadata"),
    "metadata that is nested": (order(metadata={"a": {"b": "c"}}), "wrong_type", "/metadata"),
    "metadata with an empty key": (order(metadata={"": "x"}), "out_of_range", "/metadata"),
    "an empty reference": (order(external_reference=""), "out_of_range", "/external_reference"),
    "a NUL in the customer": (order(customer_id="cus\0"), "wrong_format", "/customer_id"),
    "a NUL in a product": (item(product_id="cup\0"), "wrong_format", "/items/0/product_id"),
    "a line break in a product": (item(product_id="cup\nplate"), "wrong_format", "/items/0/product_id"),
    "a NUL in a name": (item(name="\0"), "nul_character", "/items/0/name"),
    "a NUL in an address": (
        order(shipping_address={"city": "Syd\0ney"}),
        "nul_character",
        "/shipping_address/city",
    ),
    "a NUL in a metadata value": (order(metadata={"k": "\0"}), "nul_character", "/metadata/k"),
    "a NUL in a metadata key": (order(metadata={"k\0": "v"}), "nul_character", "/metadata/k"),
    "a NUL in the reference": (order(external_reference="a\0b"), "wrong_format", "/external_reference"),
    "a NUL in the note": (order(note="\0"), "nul_character", "/note"),
}

MISMATCHES = {
    # name: (body, field, expected, got)
    "a total": (priced(1299, quantity=2, shipping_amount=500, total_amount=3099), "total_amount", 3098, 3099),
    "items": (priced(1299, quantity=2, items_amount=2597), "items_amount", 2598, 2597),
    "a total without item prices": (order(items_amount=100, tax_amount=10, total_amount=100), "total_amount", 110, 100),
}


def post(client: Client, path: str, body: bytes) -> Any:
    # The test client leaves the content type of an empty body out.
    return client.post(path, body, content_type="application/json", CONTENT_TYPE="application/json")


@pytest.mark.parametrize("path", ["/api/v1/orders", "/api/v1/orders/batch", "/order/create"])
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_refuses_what_is_not_json(api, stock, path, body):
    stock(cup=10)
    if path == "/api/v1/orders/batch" and body:
        body = b'{"orders": [' + body + b"]}"
    if path == "/order/create":
        body = body.replace(b"customer_id", b"customerId").replace(b"product_id", b"productId")
        body = body.replace(b', "metadata": {"\\udfff": "v"}', b', "\\udfff": "v"')

    response = post(api, path, body)

    assert_refused(response, 400, "malformed_json")
    assert_nothing_happened()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/orders", b"[" * 100_000),
        ("/api/v1/orders", b'{"metadata":' * 100_000),
        ("/api/v1/orders", b'{"metadata":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        ("/api/v1/orders/batch", b'{"orders":' * 100_000),
        ("/api/v1/orders/batch", b'{"orders":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}"),
        ("/api/v1/orders/batch", b'{"orders":[' + b'{"metadata":' * 100_000),
        ("/order/create", b'{"items":' + b"[" * 100_000),
    ],
)
def test_refuses_a_body_that_is_nested_without_end(api, stock, path, body):
    stock(cup=10)

    response = post(api, path, body)

    code = response.json()["code"]
    assert code in ("malformed_json", "validation_error")
    assert_refused(response, 400, code)
    assert_nothing_happened()


@pytest.mark.parametrize(("body", "code", "pointer"), INVALID.values(), ids=INVALID)
def test_refuses_an_order_that_is_not_valid(api, stock, body, code, pointer):
    stock(cup=10_000_000, plate=10)

    response = post(api, "/api/v1/orders", body)

    problem = assert_refused(response, 400, "validation_error")
    error = problem["errors"][0]
    assert error["pointer"] == pointer
    assert code in (None, error["code"])
    assert_nothing_happened()


def test_a_batch_refuses_each_of_these_orders_and_says_which_is_wrong_where(api, stock):
    stock(cup=10_000_000, plate=10)
    bodies = [body for body, _, _ in INVALID.values()]

    response = post(api, "/api/v1/orders/batch", b'{"orders": [' + b",".join(bodies) + b"]}")

    assert response.status_code == 200
    results = response.json()["results"]
    assert {(result["status"], result["error"]["code"]) for result in results} == {(400, "validation_error")}
    assert [result["error"]["errors"][0]["pointer"] for result in results] == [
        f"/orders/{position}{pointer}" for position, (_, _, pointer) in enumerate(INVALID.values())
    ]
    assert_nothing_happened()


@pytest.mark.parametrize(("body", "field", "expected", "got"), MISMATCHES.values(), ids=MISMATCHES)
def test_refuses_amounts_that_do_not_add_up_and_says_by_how_much(api, stock, body, field, expected, got):
    stock(cup=10)

    response = post(api, "/api/v1/orders", body)

    problem = assert_refused(response, 422, "totals_mismatch")
    assert problem["errors"][0]["pointer"] == f"/{field}"
    assert (problem["expected"], problem["got"], problem["difference"]) == (expected, got, got - expected)
    assert_nothing_happened()


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b"{}", "required", "/orders"),
        (b'{"orders": []}', "out_of_range", "/orders"),
        (b'{"orders": {}}', "wrong_type", "/orders"),
        (b'{"orders": [' + b",".join([order()] * 501) + b"]}", "out_of_range", "/orders"),
        (b'{"orders": [' + order() + b'], "mode": "fast"}', "unknown_field", "/mode"),
        (b"[" + order() + b"]", "wrong_type", ""),
    ],
    ids=["no orders", "an empty list", "an object", "501 orders", "an unknown field", "a bare list"],
)
def test_refuses_a_batch_that_is_not_valid(api, stock, body, code, pointer):
    stock(cup=10_000)

    response = post(api, "/api/v1/orders/batch", body)

    problem = assert_refused(response, 400, "validation_error")
    assert [(error["code"], error["pointer"]) for error in problem["errors"]] == [(code, pointer)]
    assert_nothing_happened()


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"9" * 400, b"18446744073709551616"])
def test_a_number_no_computer_word_holds_ends_only_its_own_order_of_a_batch(api, stock, number):
    stock(cup=10)
    body = b'{"orders": [%s, %s]}' % (item(quantity=7).replace(b"7", number), order())

    response = api.post("/api/v1/orders/batch", body, content_type="application/json", headers={"Idempotency-Key": "k"})

    assert response.status_code == 200, response.content
    assert [result["status"] for result in response.json()["results"]] == [400, 201]
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b'{"customerId": "c", "items": []}', "out_of_range", "/items"),
        (b'{"items": [{"productId": "cup", "quantity": 1}]}', "required", "/customerId"),
        (b'{"customer_id": "c", "items": [{"productId": "cup", "quantity": 1}]}', "unknown_field", "/customer_id"),
        (b'{"customerId": "c", "items": [{"productId": "cup", "quantity": 0}]}', "out_of_range", "/items/0/quantity"),
        (b'{"customerId": "c", "items": [{"productId": "cup", "quantity": 1.5}]}', "wrong_type", "/items/0/quantity"),
        (b'{"customerId": "c\\u0000", "items": [{"productId": "cup", "quantity": 1}]}', "wrong_format", "/customerId"),
        (
            b'{"customerId": "c", "items": [{"productId": "\\u0000", "quantity": 1}]}',
            "wrong_format",
            "/items/0/productId",
        ),
    ],
)
def test_refuses_a_first_version_order_that_is_not_valid_in_its_own_words(api, stock, body, code, pointer):
    stock(cup=10)

    response = post(api, "/order/create", body)

    problem = assert_refused(response, 400, "validation_error")
    assert [(error["code"], error["pointer"]) for error in problem["errors"]] == [(code, pointer)]
    assert (problem["success"], problem["data"], problem["message"]) == (False, None, problem["detail"])
    assert_nothing_happened()


def test_names_every_product_the_inventory_does_not_know(api, stock):
    stock(cup=10)

    response = post(
        api, "/api/v1/orders", order(items=[CUP, *({"product_id": p, "quantity": 1} for p in ("fork", "knife"))])
    )

    problem = assert_refused(response, 422, "unknown_product")
    assert problem["products"] == [{"product_id": "fork"}, {"product_id": "knife"}]
    assert_nothing_happened()


def test_names_every_product_that_is_short(api, stock):
    stock(cup=10, plate=0, bowl=2)

    response = post(
        api,
        "/api/v1/orders",
        order(items=[CUP, {"product_id": "plate", "quantity": 1}, {"product_id": "bowl", "quantity": 5}]),
    )

    problem = assert_refused(response, 409, "out_of_stock")
    assert sorted(problem["products"], key=lambda product: product["product_id"]) == [
        {"product_id": "bowl", "requested": 5, "available": 2},
        {"product_id": "plate", "requested": 1, "available": 0},
    ]
    assert_nothing_happened()


def test_refuses_more_units_of_one_product_than_any_number_the_ledger_holds(api, stock):
    stock(cup=10)

    response = post(api, "/api/v1/orders", order(items=[{"product_id": "cup", "quantity": 1_000_000}] * 500))

    problem = assert_refused(response, 409, "out_of_stock")
    assert problem["products"] == [{"product_id": "cup", "requested": 500_000_000, "available": 10}]
    assert_nothing_happened()


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b'{"status": "shipped"}', "unknown_field", "/status"),
        (b'{"note": "\\u0000"}', "nul_character", "/note"),
        (b'{"metadata": {"a": 1}}', "wrong_type", "/metadata"),
        (b'{"metadata": {"a\\u0000": "1"}}', "nul_character", "/metadata/a"),
        (b'{"contact": {"email": "x"}}', "wrong_format", "/contact/email"),
        (b'{"shipping_address": {"country": "ZZ"}}', "unknown_country", "/shipping_address/country"),
        (b'{"billing_address": {"country": "ZZ"}}', "unknown_country", "/billing_address/country"),
        (b'{"shipping_address": {"city": "\\u0000"}}', "nul_character", "/shipping_address/city"),
        (b"[]", "wrong_type", ""),
    ],
)
def test_refuses_a_change_that_is_not_valid_and_changes_nothing(api, place_order, body, code, pointer):
    order = place_order(cup=1)

    response = api.patch(f"/api/v1/orders/{order['id']}", body, content_type="application/json")

    problem = assert_refused(response, 400, "validation_error")
    assert [(error["code"], error["pointer"]) for error in problem["errors"]] == [(code, pointer)]
    assert api.get(f"/api/v1/orders/{order['id']}").json() == order


@pytest.mark.parametrize("method", ["patch", "put"])
@pytest.mark.parametrize("body", [b"", b"{", b'{"note": "\\ud800"}', b'{"note": "\xff"}', b'{"note": "x" '])
def test_refuses_a_change_that_is_not_json(api, place_order, method, body):
    order = place_order(cup=1)
    path = f"/api/v1/orders/{order['id']}" if method == "patch" else f"/order/update/{order['id']}"
    if method == "put":
        body = body.replace(b"note", b"trackingNumber")

    response = getattr(api, method)(path, body, content_type="application/json", CONTENT_TYPE="application/json")

    assert_refused(response, 400, "malformed_json")
    assert api.get(f"/api/v1/orders/{order['id']}").json() == order
