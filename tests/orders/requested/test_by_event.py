"""`order.requested` takes an order in as the API does; what is no order is rejected where the storefront sees it."""

from __future__ import annotations

from typing import Any

import pytest

from events.models import Event
from inventory_client.models import Stock
from orders.models import Order, RequestedOrder
from tests.orders.asking import read
from tests.orders.incoming.conftest import ComesIn, comes_in

__all__ = ["comes_in"]

ORDER: dict[str, Any] = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 2}]}


def asked(storefront: str = "au", **more: Any) -> dict[str, Any]:
    return {"storefront": storefront, "order": ORDER, **more}


@pytest.fixture(autouse=True)
def _shop(storefront: Any, stock: Any) -> None:
    stock(cup=10)


def test_it_is_placed_and_told_by_whom_it_was_asked_for(comes_in: ComesIn, place_all, api, nothing_is_wrong):
    event = comes_in("order.requested", asked(), traceparent="00-abc")

    assert event.state == "handled", event.last_error
    waiting = RequestedOrder.objects.get()
    assert read(api, str(waiting.pk))["status"] == "requested"
    assert place_all() == (1, 0, 0)
    order = Order.objects.get()
    assert (order.pk, order.customer_id, Stock.objects.get().reserved) == (waiting.pk, "cus123", 2)
    told = Event.objects.get()
    assert (told.type, told.actor, told.request_id, told.trace) == (
        "order.created",
        "system:consume_events",
        "evt-1",
        "00-abc",
    )
    nothing_is_wrong()


def test_a_refusal_is_told_by_an_event(comes_in: ComesIn, place_all):
    comes_in("order.requested", asked(order={**ORDER, "items": [{"product_id": "cup", "quantity": 11}]}))

    assert place_all() == (0, 1, 0)

    told = Event.objects.get()
    assert (told.type, told.data["rejection"]["code"]) == ("order.rejected", "out_of_stock")
    assert told.data["rejection"]["facts"]["products"][0]["available"] == 10


@pytest.mark.parametrize(
    ("order", "code", "pointer"),
    [
        ({**ORDER, "items": []}, "validation_error", "/items"),
        ({**ORDER, "items": [{"product_id": "cup", "quantity": 0}]}, "validation_error", "/items/0/quantity"),
        ({**ORDER, "items_amount": 5, "total_amount": 6}, "totals_mismatch", "/total_amount"),
        ("cup", "validation_error", ""),
        ({**ORDER, "note": "a\0b"}, "validation_error", "/note"),
        ({**ORDER, "no\0te": "x"}, "validation_error", "/note"),
        (
            {**ORDER, "items": [{"product_id": "cup", "quantity": 1, "si\0ze": "x"}]},
            "validation_error",
            "/items/0/size",
        ),
    ],
)
def test_what_is_no_order_is_rejected_and_listed(comes_in: ComesIn, api, nothing_is_wrong, order, code, pointer):
    event = comes_in("order.requested", asked(order=order))

    assert event.state == "handled", event.last_error
    (listed,) = api.get("/api/v1/orders/requested?status=rejected").json()["results"]
    assert (listed["problem"]["code"], listed["problem"]["errors"][0]["pointer"]) == (code, pointer)
    assert listed["customer_id"] == ("cus123" if isinstance(order, dict) else None)
    assert Event.objects.get().type == "order.rejected"
    nothing_is_wrong()


@pytest.mark.parametrize(
    ("wrong", "reference"),
    [
        ({"external_reference": 5}, "5"),
        ({"external_reference": ["cart"]}, None),
        ({"external_reference": "a\0b"}, "ab"),
        ({"external_reference": "x" * 101}, "x" * 100),
        ({"customer_id": " cus123", "external_reference": "cart-7"}, "cart-7"),
        ({"customer_id": "cus123\0"}, None),
    ],
)
def test_whose_it_was_to_be_is_known_and_erased_whatever_is_wrong_with_it(comes_in: ComesIn, api, wrong, reference):
    comes_in("order.requested", asked(order={**ORDER, **wrong}))
    rejected = RequestedOrder.objects.get()
    assert (rejected.state, rejected.customer_id, rejected.external_reference) == ("rejected", "cus123", reference)

    erased = api.post("/api/v1/customers/erase", {"customer_id": "cus123"}, content_type="application/json").json()

    assert erased["requests"] == 1
    assert RequestedOrder.objects.get().customer_id == "erased"


def test_a_customer_who_is_named_by_a_number_is_known(comes_in: ComesIn):
    comes_in("order.requested", asked(order={**ORDER, "customer_id": 123}))

    assert RequestedOrder.objects.get().customer_id == "123"


@pytest.mark.parametrize(
    "data",
    [asked("xx"), {"order": ORDER}, asked(idempotency_key="with blanks"), {"storefront": "au"}, "cup", None],
)
def test_what_names_no_storefront_or_is_no_request_is_a_dead_letter(comes_in: ComesIn, data):
    assert comes_in("order.requested", data).state == "dead"
    assert RequestedOrder.objects.count() == 0


def test_the_events_id_is_its_key(comes_in: ComesIn, place_all, ask_for):
    comes_in("order.requested", asked(), id="cart-7", source="/shop")
    place_all()

    by_api = ask_for(cup=2, key="cart-7", prefer="")

    assert (by_api.status_code, by_api.json()["id"]) == (202, str(Order.objects.get().pk))


def test_a_key_of_its_own_is_that_of_the_api(comes_in: ComesIn, place_all, ask_for):
    first = ask_for(cup=2, key="cart-7", prefer="")

    again = comes_in("order.requested", asked(idempotency_key="cart-7"))

    assert (again.state, place_all(), first.status_code) == ("handled", (0, 0, 0), 201)
    assert (Order.objects.count(), RequestedOrder.objects.count()) == (1, 0)


def test_a_key_that_came_with_another_body_is_rejected(comes_in: ComesIn, ask_for):
    ask_for(cup=1, key="cart-7")

    comes_in("order.requested", asked(idempotency_key="cart-7"))

    assert RequestedOrder.objects.filter(rejection__code="idempotency_key_reused").count() == 1


def test_an_id_that_can_be_no_key_stands_for_one_order_too(comes_in: ComesIn, place_all):
    for source in ("/one", "/two"):
        comes_in("order.requested", asked(), id="cart 7 é", source=source)

    assert place_all() == (1, 0, 0)


def test_what_cannot_be_kept_now_is_not_rejected_but_tried_again(comes_in: ComesIn, answers_in_the_way):
    with answers_in_the_way(2):
        event = comes_in("order.requested", asked())

    assert (event.state, event.attempts, RequestedOrder.objects.count()) == ("due", 1, 0)
