"""Which currency an order is in."""

from orders.models import Order, Storefront

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
