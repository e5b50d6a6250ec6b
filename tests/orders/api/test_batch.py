"""Many orders in one request: each has its own result, and one refusal does not end the others."""

from __future__ import annotations

from typing import Any

from django.test import Client

from events.models import Event, OutboxEntry
from inventory_client.models import Reservation, Stock
from orders.models import Order
from tests.orders.refusals import assert_nothing_happened


def an_order(quantity: int = 1, product_id: str = "cup", **fields: Any) -> dict[str, Any]:
    return {"customer_id": "cus123", "items": [{"product_id": product_id, "quantity": quantity}], **fields}


def send(client: Client, *orders: Any, **headers: str) -> list[dict[str, Any]]:
    response = client.post(
        "/api/v1/orders/batch", {"orders": list(orders)}, content_type="application/json", headers=headers
    )
    assert response.status_code == 200, response.content
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def outcomes(results: list[dict[str, Any]]) -> list[Any]:
    return [(r["status"], r["error"]["code"] if "error" in r else r["order"]["customer_id"]) for r in results]


def test_places_500_orders_at_once(api, stock):
    stock(cup=500)

    results = send(api, *[an_order(customer_id=f"c{n}") for n in range(500)])

    assert [(r["status"], r["order"]["customer_id"]) for r in results] == [(201, f"c{n}") for n in range(500)]
    assert Order.objects.count() == 500
    assert Event.objects.count() == 500
    assert OutboxEntry.objects.count() == 500
    assert Stock.objects.get(pk="cup").reserved == 500


def test_every_order_has_a_result_in_its_place(api, stock):
    stock(cup=10, plate=1)

    results = send(
        api,
        an_order(3),
        an_order(2, "plate"),
        an_order(1, "fork"),
        an_order(0),
        an_order(currency="XXX"),
        an_order(items_amount=5, total_amount=6),
        "no order",
        an_order(1, "plate"),
    )

    assert outcomes(results) == [
        (201, "cus123"),
        (409, "out_of_stock"),
        (422, "unknown_product"),
        (400, "validation_error"),
        (400, "validation_error"),
        (422, "totals_mismatch"),
        (400, "validation_error"),
        (201, "cus123"),
    ]
    assert Order.objects.count() == 2
    assert Event.objects.count() == 2
    assert list(Stock.objects.order_by("pk").values_list("pk", "reserved")) == [("cup", 3), ("plate", 1)]
    assert Reservation.objects.filter(state="held").count() == 2


def test_a_refusal_in_a_batch_is_a_whole_problem(api, stock):
    stock(cup=1)

    (result,) = send(api, an_order(2))

    assert result["error"]["products"] == [{"product_id": "cup", "requested": 2, "available": 1}]
    assert (result["error"]["status"], result["error"]["instance"]) == (409, "/api/v1/orders/batch")


def test_stock_goes_to_the_first_orders_that_ask(api, stock):
    stock(cup=5)

    results = send(api, an_order(3), an_order(3), an_order(2))

    assert outcomes(results) == [(201, "cus123"), (409, "out_of_stock"), (201, "cus123")]
    assert Stock.objects.get(pk="cup").reserved == 5


def test_a_reference_that_is_taken_refuses_its_order_and_frees_its_stock(api, stock):
    stock(cup=10)
    (first,) = send(api, an_order(1, external_reference="r-1"))

    results = send(api, an_order(2), an_order(3, external_reference="r-1"), an_order(4, external_reference="r-2"))

    assert outcomes(results) == [(201, "cus123"), (409, "duplicate_reference"), (201, "cus123")]
    assert results[1]["error"]["order_id"] == first["order"]["id"]
    assert Order.objects.count() == 3
    assert Event.objects.count() == 3
    assert Stock.objects.get(pk="cup").reserved == 7


def test_of_two_orders_with_one_reference_the_first_is_placed(api, stock):
    stock(cup=10)

    results = send(api, an_order(1, external_reference="r-1"), an_order(2, external_reference="r-1"), an_order(4))

    assert outcomes(results) == [(201, "cus123"), (409, "duplicate_reference"), (201, "cus123")]
    assert results[1]["error"]["order_id"] is None
    assert Stock.objects.get(pk="cup").reserved == 5
    assert Event.objects.count() == 2


def test_a_batch_of_taken_references_alone_writes_nothing(api, stock):
    stock(cup=10)
    send(api, an_order(1, external_reference="r-1"))

    results = send(api, an_order(2, external_reference="r-1"), **{"Idempotency-Key": "key-1"})

    assert outcomes(results) == [(409, "duplicate_reference")]
    assert Order.objects.count() == 1
    assert Stock.objects.get(pk="cup").reserved == 1


def test_a_reference_is_free_for_another_storefront(api, client_of, other_storefront, stock):
    stock(cup=10)
    send(api, an_order(external_reference="r-1"))

    assert outcomes(send(client_of(other_storefront), an_order(external_reference="r-1"))) == [(201, "cus123")]


def test_the_reference_of_a_deleted_order_stays_taken(api, stock):
    stock(cup=10)
    (first,) = send(api, an_order(external_reference="r-1"))
    api.delete(f"/api/v1/orders/{first['order']['id']}")

    assert outcomes(send(api, an_order(external_reference="r-1"))) == [(409, "duplicate_reference")]
    assert Stock.objects.get(pk="cup").reserved == 0


def test_a_batch_of_refusals_alone_writes_nothing(api, stock):
    stock(cup=0)

    assert outcomes(send(api, an_order(), an_order(0), **{"Idempotency-Key": "key-1"})) == [
        (409, "out_of_stock"),
        (400, "validation_error"),
    ]
    assert_nothing_happened()


def test_a_batch_is_repeated_whole_with_its_refusals(api, stock):
    stock(cup=5)
    first = send(api, an_order(3), an_order(3), an_order(-1), **{"Idempotency-Key": "key-1"})
    stock(cup=50)

    again = send(api, an_order(3), an_order(3), an_order(-1), **{"Idempotency-Key": "key-1"})

    assert again == first
    assert Stock.objects.get(pk="cup").reserved == 3
