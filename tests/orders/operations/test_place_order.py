from events.models import Event, OutboxEntry
from inventory_client.models import Stock
from orders.models import Order


def test_places_an_order_that_holds_its_stock_and_tells_one_event(api, stock):
    stock(cup=10)

    response = api.post(
        "/api/v1/orders",
        {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 3}]},
        content_type="application/json",
    )

    assert response.status_code == 201
    order = response.json()
    assert (order["status"], order["version"], order["storefront"]) == ("pending", 1, "au")
    assert response.headers["ETag"] == '"1"'
    assert response.headers["Location"] == f"/api/v1/orders/{order['id']}"
    assert Stock.objects.get(pk="cup").reserved == 3
    assert list(Event.objects.values_list("type", "sequence")) == [("order.created", 1)]
    assert OutboxEntry.objects.count() == 1


def test_asks_once_for_a_product_that_stands_in_two_lines(api, stock):
    stock(cup=10)

    response = api.post(
        "/api/v1/orders",
        {
            "customer_id": "cus123",
            "items": [{"product_id": "cup", "quantity": 6}, {"product_id": "cup", "quantity": 5}],
        },
        content_type="application/json",
    )

    assert response.status_code == 409
    assert response.json()["products"] == [{"product_id": "cup", "requested": 11, "available": 10}]
    assert Stock.objects.get(pk="cup").reserved == 0
    assert Order.objects.count() == 0
