"""What many callers at once get from a live server, and what the tables hold afterwards."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

from events.models import Event
from inventory_client.models import Reservation, Stock
from orders.models import IdempotentAnswer, Order
from tests.chaos.live_server import at_once
from tests.chaos.promises import broken_promises

ORDERS = "/api/v1/orders"


def order_of(product_id: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"customer_id": "cus123", "items": [{"product_id": product_id, "quantity": quantity}], **more}


def test_two_hundred_requests_for_ten_units_place_exactly_ten_orders(call, stock):
    stock(cup=10)

    answers = at_once([lambda: call("POST", ORDERS, order_of("cup"))] * 200, clients=32)

    assert Counter((answer.status, answer.code) for answer in answers) == {(201, ""): 10, (409, "out_of_stock"): 190}
    assert Stock.objects.get(pk="cup").reserved == 10
    assert (Order.objects.count(), Event.objects.count(), Reservation.objects.count()) == (10, 10, 10)
    assert broken_promises() == {}


def test_fifty_twins_with_one_key_make_one_order_and_get_equal_answers(call, stock):
    stock(cup=100)

    answers = at_once(
        [lambda: call("POST", ORDERS, order_of("cup", 2), **{"Idempotency-Key": "twins"})] * 50, clients=25
    )

    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert len({(answer.headers["ETag"], answer.headers["Location"]) for answer in answers}) == 1
    assert Counter(answer.headers.get("Idempotent-Replayed") for answer in answers) == {None: 1, "true": 49}
    assert (Order.objects.count(), IdempotentAnswer.objects.count(), Stock.objects.get(pk="cup").reserved) == (1, 1, 2)
    assert broken_promises() == {}


def test_twins_race_for_the_last_unit_and_all_get_it(call, stock):
    products = [f"cup{number}" for number in range(20)]
    stock(**dict.fromkeys(products, 1))

    answers = at_once(
        [
            partial(call, "POST", ORDERS, order_of(product_id), **{"Idempotency-Key": product_id})
            for product_id in products
            for _ in range(8)
        ],
        clients=8,
    )

    assert Counter((answer.status, answer.code) for answer in answers) == {(201, ""): 160}
    assert len({answer.body for answer in answers}) == 20
    assert set(Stock.objects.values_list("reserved", flat=True)) == {1}
    assert broken_promises() == {}


def test_twins_of_a_batch_place_its_orders_once(call, stock):
    stock(cup=100, plate=100, bowl=1)
    batch = {"orders": [order_of("cup", 2), order_of("plate"), order_of("bowl", 5), order_of("cup")]}

    answers = at_once([lambda: call("POST", f"{ORDERS}/batch", batch, **{"Idempotency-Key": "batch"})] * 20, clients=20)

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert [result["status"] for result in answers[0].json()["results"]] == [201, 201, 409, 201]
    assert Counter(answer.headers.get("Idempotent-Replayed") for answer in answers) == {None: 1, "true": 19}
    assert Order.objects.count() == 3
    assert dict(Stock.objects.values_list("pk", "reserved")) == {"cup": 3, "plate": 1, "bowl": 0}
    assert broken_promises() == {}


def test_twins_of_one_reference_without_a_key_make_one_order_and_hold_no_more(call, stock):
    stock(cup=100)

    answers = at_once([lambda: call("POST", ORDERS, order_of("cup", 3, external_reference="web-1"))] * 20, clients=20)

    assert Counter((answer.status, answer.code) for answer in answers) == {
        (201, ""): 1,
        (409, "duplicate_reference"): 19,
    }
    (placed,) = [answer.json()["id"] for answer in answers if answer.status == 201]
    assert {answer.json()["order_id"] for answer in answers if answer.status == 409} == {placed}
    assert Stock.objects.get(pk="cup").reserved == 3
    assert broken_promises() == {}


def test_batches_and_single_orders_of_one_hot_product_neither_deadlock_nor_oversell(call, stock):
    stock(hot=60, cup=1000, plate=1000)
    mixed = [{"product_id": name, "quantity": 1} for name in ("plate", "hot", "cup")]
    reversed_batch = {"orders": [{"customer_id": "b", "items": mixed[::-1]}, order_of("plate"), order_of("hot")]}
    batch = {"orders": [order_of("cup"), {"customer_id": "a", "items": mixed}, order_of("hot")]}

    answers = at_once(
        [
            lambda: call("POST", ORDERS, order_of("hot")),
            lambda: call("POST", f"{ORDERS}/batch", batch),
            lambda: call("POST", f"{ORDERS}/batch", reversed_batch),
            lambda: call("POST", ORDERS, {"customer_id": "c", "items": mixed}),
        ]
        * 20,
        clients=16,
    )

    outcomes = Counter(
        status
        for answer in answers
        for status in (
            [result["status"] for result in answer.json()["results"]] if answer.status == 200 else [answer.status]
        )
    )
    assert set(outcomes) == {201, 409}
    assert outcomes[201] == Order.objects.count() == 60 + 40
    assert Stock.objects.get(pk="hot").reserved == 60
    assert broken_promises() == {}


def test_of_concurrent_changes_based_on_one_version_exactly_one_wins(call, stock):
    stock(cup=1)
    path = f"{ORDERS}/{call('POST', ORDERS, order_of('cup')).json()['id']}"

    answers = at_once(
        [partial(call, "PATCH", path, {"note": f"note {number}"}, **{"If-Match": '"1"'}) for number in range(16)]
    )

    assert Counter((answer.status, answer.code) for answer in answers) == {
        (200, ""): 1,
        (412, "version_mismatch"): 15,
    }
    (winner,) = [answer.json() for answer in answers if answer.status == 200]
    assert winner["version"] == 2
    assert call("GET", path).json()["note"] == winner["note"]
    assert broken_promises() == {}


def test_changes_without_a_version_all_take_effect_one_after_the_other(call, stock):
    stock(cup=1)
    path = f"{ORDERS}/{call('POST', ORDERS, order_of('cup')).json()['id']}"

    answers = at_once([partial(call, "PATCH", path, {"note": f"note {number}"}) for number in range(16)])

    assert {answer.status for answer in answers} == {200}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 18))
    assert list(Event.objects.order_by("sequence").values_list("sequence", flat=True)) == list(range(1, 18))
    assert broken_promises() == {}


def test_change_cancel_and_delete_racing_for_one_order_have_one_outcome_each(call, stock):
    stock(cup=100)
    order_ids = [call("POST", ORDERS, order_of("cup")).json()["id"] for _ in range(8)]

    def race(order_id: str) -> list[tuple[str, Any]]:
        path, first_version_path = f"{ORDERS}/{order_id}", f"/order/update/{order_id}"
        return [
            (order_id, lambda: ("change", call("PATCH", path, {"note": "hello"}))),
            (order_id, lambda: ("cancel", call("PUT", first_version_path, {"status": "canceled"}))),
            (order_id, lambda: ("delete", call("DELETE", path))),
            (order_id, lambda: ("delete", call("DELETE", path))),
            (order_id, lambda: ("confirm", call("PUT", first_version_path, {"status": "confirmed"}))),
        ]

    racers = [racer for order_id in order_ids for racer in race(order_id)]
    answers = at_once([racer for _, racer in racers], clients=20)

    for order_id in order_ids:
        order = Order.all_objects.get(pk=order_id)
        of_order = [done for (raced_id, _), done in zip(racers, answers, strict=True) if raced_id == order_id]
        won = Counter(kind for kind, answer in of_order if answer.status < 300)
        lost = {(answer.status, answer.code) for _, answer in of_order if answer.status >= 300}
        assert lost <= {(404, "order_not_found"), (409, "invalid_transition"), (409, "not_deletable")}
        assert won["delete"] == (order.deleted_at is not None)
        assert won["cancel"] == (order.status == "canceled")
        assert order.version == 1 + won.total()
    assert broken_promises() == {}
