"""Which currency an order is in."""

import pytest

from orders.models import Order, Storefront
from tests.orders.asking import ask
from tests.orders.refusals import assert_nothing_happened, assert_refused

PRICED = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1, "unit_amount": 1299}]}


def test_takes_the_storefronts_currency_when_the_order_names_none(api, stock):
    stock(cup=1)

    response = api.post("/api/v1/orders", PRICED, content_type="application/json")

    assert (response.status_code, response.json()["currency"]) == (201, "AUD")


def test_refuses_amounts_that_have_no_currency(api, storefront, stock):
    stock(cup=1)
    Storefront.objects.update(currency="")

    response = api.post("/api/v1/orders", PRICED, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (400, "validation_error")
    assert response.json()["errors"][0]["pointer"] == "/currency"
    assert Order.objects.count() == 0


def test_needs_no_currency_where_there_are_no_amounts(api, storefront, stock):
    stock(cup=1)
    Storefront.objects.update(currency="")

    response = api.post(
        "/api/v1/orders",
        {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]},
        content_type="application/json",
    )

    assert (response.status_code, response.json()["currency"]) == (201, None)


@pytest.mark.parametrize(("named", "default"), [("HRK", "EUR"), (None, "HRK")])
def test_refuses_a_currency_that_is_no_longer_in_use_whoever_names_it(api, storefront, stock, named, default):
    stock(cup=1)
    Storefront.objects.update(currency=default)

    response = api.post("/api/v1/orders", {**PRICED, "currency": named}, content_type="application/json")

    problem = assert_refused(response, 400, "validation_error")
    (error,) = problem["errors"]
    assert (error["pointer"], error["code"]) == ("/currency", "retired_currency")
    assert error["detail"].startswith("HRK is no longer in use, and only orders imported with their history")
    assert_nothing_happened()


def test_an_amendment_takes_no_currency_that_is_no_longer_in_use(api, place_order):
    order = place_order(cup=1)
    Storefront.objects.update(currency="BGN")
    items = [{"item_id": order["items"][0]["id"], "quantity": 1, "unit_amount": 100}]

    response = ask(api, order["id"], "amend", items=items)

    problem = assert_refused(response, 400, "validation_error")
    assert [error["code"] for error in problem["errors"]] == ["retired_currency"]
    assert Order.objects.get().total_amount is None


def test_a_payment_names_no_currency_that_is_no_longer_in_use(api, place_order):
    order = place_order(cup=1)

    response = ask(api, order["id"], "record_payment", kind="capture", amount=1, psp_reference="p", currency="HRK")

    problem = assert_refused(response, 400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/currency", "retired_currency")]
    assert Order.objects.get().captured_amount == 0
