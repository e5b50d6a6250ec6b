"""Whether a customer may order is asked before stock is held; while nobody answers, the storefront decides."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command

from inventory_client.models import Stock
from orders import operations
from orders.models import IdempotentAnswer, Order, Storefront
from orders.operations import Call
from orders.requests.operations import ChangeCustomer
from orders.rules.callers import key_caller
from orders.rules.errors import NotPermitted
from orders.rules.lifecycle import Operation
from orders.rules.scopes import Scope
from remote_calls.faults import FaultKind
from tests.base import perform
from tests.orders.incoming.conftest import ComesIn, comes_in
from tests.orders.refusals import assert_nothing_happened, assert_refused
from tests.reference_customers import Customers, customers

__all__ = ["comes_in", "customers"]

JSON = "application/json"
NOBODY_LISTENS = "http://127.0.0.1:9"
BLOCKED = ["amend", "complete", "confirm", "expire", "pack", "ship"]


def body(customer_id: str = "cus123", **more: Any) -> dict[str, Any]:
    return {"customer_id": customer_id, "items": [{"product_id": "cup", "quantity": 2}], **more}


def place(api: Any, customer_id: str = "cus123", **headers: str) -> Any:
    return api.post("/api/v1/orders", body(customer_id), content_type=JSON, headers=headers)


def place_first_version(api: Any, customer_id: str) -> Any:
    asked = {"customerId": customer_id, "items": [{"productId": "cup", "quantity": 2}]}
    return api.post("/order/create", asked, content_type=JSON)


@pytest.fixture
def accepting(storefront: Storefront) -> None:
    Storefront.objects.filter(pk=storefront.pk).update(customer_policy="accept")


@pytest.fixture(autouse=True)
def _stock(stock: Any) -> None:
    stock(cup=1000)


def test_a_customer_who_may_order_is_asked_for_once_in_a_while(api, customers: Customers):
    assert [place(api).status_code for _ in range(3)] == [201, 201, 201]

    assert customers.asked == [("cus123", "au")]
    assert [order.holds for order in Order.objects.all()] == [[], [], []]


@pytest.mark.parametrize(("customer_id", "standing"), [("zyx-321", "unknown"), ("gone", "inactive")])
def test_a_customer_who_may_not_order_is_refused_before_anything_is_held(api, customers, customer_id, standing):
    customers.inactive.add("gone")

    response = place(api, customer_id, **{"Idempotency-Key": "key-1"})

    problem = assert_refused(response, 422, "invalid_customer")
    assert (problem["customer_id"], problem["standing"]) == (customer_id, standing)
    assert problem["detail"] == f"Invalid customer: {customer_id} is {standing}. No order was placed."
    assert_nothing_happened()


@pytest.mark.usefixtures("accepting")
def test_who_may_not_order_is_refused_whatever_the_storefront_accepts(api, customers: Customers):
    assert_refused(place(api, "zyx-321"), 422, "invalid_customer")
    assert_nothing_happened()


def test_the_first_version_refuses_the_customer_it_always_refused(api, customers: Customers):
    problem = assert_refused(place_first_version(api, "zyx-321"), 422, "invalid_customer")

    assert (problem["success"], problem["data"]) == (False, None)
    assert problem["message"] == "Invalid customer: zyx-321 is unknown. No order was placed."
    assert_nothing_happened()
    assert place_first_version(api, "cus123").status_code == 201


def test_without_a_service_those_of_the_list_are_refused(api, settings):
    settings.INVALID_CUSTOMERS = ["zyx-321"]

    assert_refused(place(api, "zyx-321"), 422, "invalid_customer")
    assert place(api, "cus123").status_code == 201


def test_each_order_of_a_batch_is_decided_and_each_customer_asked_for_once(api, customers: Customers):
    orders = [body("a"), body("zyx-321"), body("a"), {"nonsense": 1}, body("b"), body("zyx-321")]

    response = api.post("/api/v1/orders/batch", {"orders": orders}, content_type=JSON)

    results = response.json()["results"]
    assert [result["status"] for result in results] == [201, 422, 201, 400, 201, 422]
    assert [results[n]["error"]["code"] for n in (1, 5)] == ["invalid_customer", "invalid_customer"]
    assert sorted(customers.asked) == [("a", "au"), ("b", "au"), ("zyx-321", "au")]
    assert Stock.objects.get(pk="cup").reserved == 6


@pytest.mark.parametrize(
    "kind",
    [FaultKind.SLOW, FaultKind.DRIP, FaultKind.HANG_UP, FaultKind.EFFECT_THEN_500, FaultKind.GARBAGE],
)
def test_while_the_service_is_in_trouble_orders_are_refused(api, customers: Customers, kind):
    customers.fail(kind)

    response = place(api, **{"Idempotency-Key": "key-1"})

    assert_refused(response, 503, "customers_unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    assert_nothing_happened()
    customers.faulty.clear()
    assert place(api, **{"Idempotency-Key": "key-1"}).status_code == 201


@pytest.mark.usefixtures("accepting")
def test_a_storefront_may_accept_them_held_up_for_review(api, customers: Customers):
    customers.fail(FaultKind.EFFECT_THEN_500)

    response = place(api)

    assert response.status_code == 201
    (hold,) = response.json()["holds"]
    assert (hold["kind"], hold["blocks"], hold["placed_by"]) == ("manual", BLOCKED, "system:customer_check")
    order = Order.objects.get()
    assert (order.status, order.holds) == ("pending", [hold])
    assert api.get(f"/api/v1/orders/{order.pk}").json() == response.json()
    assert_refused(api.post(f"/api/v1/orders/{order.pk}/confirm", {}, content_type=JSON), 409, "order_on_hold")
    assert Stock.objects.get(pk="cup").reserved == 2


@pytest.mark.usefixtures("accepting")
def test_a_service_that_is_away_holds_up_a_batch_and_the_first_version(api, settings):
    settings.CUSTOMER_URL = NOBODY_LISTENS

    batch = api.post("/api/v1/orders/batch", {"orders": [body("a"), body("b")]}, content_type=JSON)
    first = place_first_version(api, "c")

    assert [result["status"] for result in batch.json()["results"]] == [201, 201]
    assert first.status_code == 201
    assert [len(order.holds) for order in Order.objects.all()] == [1, 1, 1]


@pytest.mark.usefixtures("accepting")
def test_over_an_inventory_service_they_are_held_up_as_well(api, settings):
    settings.CUSTOMER_URL, settings.PLACE_AT_ONCE = NOBODY_LISTENS, False

    assert len(place(api).json()["holds"]) == 1
    assert len(Order.objects.get().holds) == 1


@pytest.mark.usefixtures("accepting")
def test_what_costs_nothing_is_confirmed_once_it_is_released(api, settings):
    Storefront.objects.update(confirmation_policy="on_payment")
    settings.CUSTOMER_URL = NOBODY_LISTENS
    free = body(items=[{"product_id": "cup", "quantity": 1, "unit_amount": 0}])

    order = api.post("/api/v1/orders", free, content_type=JSON).json()
    released = api.post(f"/api/v1/orders/{order['id']}/release_hold", {}, content_type=JSON).json()

    assert (order["status"], order["payment_status"]) == ("pending", "paid")
    assert (released["status"], released["holds"]) == ("confirmed", [])


def test_a_repeat_gets_its_answer_and_asks_nobody(api, customers: Customers, settings):
    first = place(api, **{"Idempotency-Key": "key-1"})
    customers.asked.clear()
    settings.CUSTOMER_CACHE_SECONDS = 0.0
    customers.inactive.add("cus123")

    again = place(api, **{"Idempotency-Key": "key-1"})

    assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (201, first.json(), "true")
    assert customers.asked == []
    other = api.post("/api/v1/orders", body("b"), content_type=JSON, headers={"Idempotency-Key": "key-1"})
    assert_refused(other, 422, "idempotency_key_reused")
    assert customers.asked == []


# --- another customer ---


def change(api: Any, order_id: str, customer_id: str, **headers: str) -> Any:
    path = f"/api/v1/orders/{order_id}/change_customer"
    return api.post(path, {"customer_id": customer_id}, content_type=JSON, headers=headers)


def test_an_order_is_given_to_nobody_who_may_not_order(api, place_order, customers: Customers):
    order = place_order(cup=1)

    assert_refused(change(api, order["id"], "zyx-321"), 422, "invalid_customer")
    assert (Order.objects.get().customer_id, Order.objects.get().version) == ("cus123", 1)

    assert change(api, order["id"], "cus-9").json()["customer_id"] == "cus-9"


def test_the_first_versions_update_asks_before_its_transaction(api, place_order, customers: Customers):
    path = f"/order/update/{place_order(cup=1)['id']}"

    refused = api.put(path, {"customerId": "zyx-321", "status": "confirmed"}, content_type=JSON)
    assert_refused(refused, 422, "invalid_customer")
    assert Order.objects.get().status == "pending"

    assert api.put(path, {"customerId": "cus-9", "status": "confirmed"}, content_type=JSON).status_code == 200
    assert (Order.objects.get().customer_id, Order.objects.get().status) == ("cus-9", "confirmed")


def test_while_nobody_answers_the_customer_stays(api, place_order, settings):
    order = place_order(cup=1)
    settings.CUSTOMER_URL = NOBODY_LISTENS

    assert_refused(change(api, order["id"], "cus-9"), 503, "customers_unavailable")
    assert change(api, order["id"], "cus123").json()["version"] == 1
    assert Order.objects.get().customer_id == "cus123"


@pytest.mark.usefixtures("accepting")
def test_a_storefront_may_accept_another_customer_held_up_for_review(api, place_order, settings):
    order = place_order(cup=1)
    settings.CUSTOMER_URL = NOBODY_LISTENS

    changed = change(api, order["id"], "cus-9").json()
    again = change(api, order["id"], "cus-10").json()

    assert (changed["customer_id"], again["customer_id"]) == ("cus-9", "cus-10")
    assert [hold["placed_by"] for hold in again["holds"]] == ["system:customer_check"]
    assert again["holds"] == changed["holds"]


@pytest.mark.usefixtures("accepting")
def test_an_order_that_has_ended_is_not_held_up_for_it(api, place_order, settings):
    order = place_order(cup=1)
    perform("cancel", order["id"])
    settings.CUSTOMER_URL = NOBODY_LISTENS

    assert change(api, order["id"], "cus-9").json()["holds"] == []


def test_a_rehearsal_a_repeat_and_an_order_that_is_not_there_ask_nobody(api, place_order, customers: Customers):
    order = place_order(cup=1)
    customers.asked.clear()

    rehearsed = change(api, order["id"], "zyx-321", Prefer="dry-run")
    assert rehearsed.json()["order"]["customer_id"] == "zyx-321"
    assert change(api, "01920000-0000-7000-8000-00000000000a", "zyx-321").status_code == 404
    assert customers.asked == []

    change(api, order["id"], "cus-9", **{"Idempotency-Key": "key-1"})
    customers.asked.clear()
    assert change(api, order["id"], "cus-9", **{"Idempotency-Key": "key-1"}).headers["Idempotent-Replayed"] == "true"
    assert (customers.asked, IdempotentAnswer.objects.count()) == ([], 1)


def test_who_may_not_change_orders_learns_nothing_of_customers(storefront, place_order, customers: Customers):
    order = place_order(cup=1)
    customers.asked.clear()
    reader = key_caller("key:reader", storefront_id=storefront.pk, scopes=frozenset({Scope.ORDERS_READ}))

    with pytest.raises(NotPermitted):
        operations.perform(
            Operation.CHANGE_CUSTOMER, UUID(order["id"]), ChangeCustomer(customer_id="zyx-321"), call=Call(reader)
        )

    assert customers.asked == []


# --- the review ends ---


@pytest.fixture
def held_up(api: Any, accepting: None, settings: Any) -> Order:
    settings.CUSTOMER_URL = NOBODY_LISTENS
    place(api, "cus123")
    order: Order = Order.objects.get()
    return order


def test_it_goes_on_once_the_customer_is_heard_of(held_up: Order, comes_in: ComesIn):
    comes_in("customer.updated", {"customer_id": "somebody else"})
    assert len(Order.objects.get().holds) == 1

    event = comes_in("customer.updated", {"customer_id": "cus123", "contact": {"email": "ann@example.com"}})

    order = Order.objects.get()
    assert (event.state, order.holds, order.contact_email) == ("handled", [], "ann@example.com")


def test_a_customer_who_is_not_active_keeps_it_held_up(held_up: Order, comes_in: ComesIn):
    event = comes_in("customer.updated", {"customer_id": "cus123", "active": False})

    assert (event.state, len(Order.objects.get().holds)) == ("handled", 1)


def test_what_others_hold_up_stays_held_up(held_up: Order, comes_in: ComesIn, api):
    api.post(f"/api/v1/orders/{held_up.pk}/hold", {"kind": "fraud"}, content_type=JSON)

    comes_in("customer.updated", {"customer_id": "cus123"})

    assert [hold["kind"] for hold in Order.objects.get().holds] == ["fraud"]


def test_it_is_sound_and_tells_since_when_it_is_held_up(held_up: Order, api):
    call_command("doctor", stdout=io.StringIO())

    timeline = api.get(f"/api/v1/orders/{held_up.pk}/timeline").json()["results"]
    past = api.get(f"/api/v1/orders/{held_up.pk}?version=1").json()
    assert ([entry["operation"] for entry in timeline], past["holds"]) == (["place"], held_up.holds)


def test_staff_let_it_go_on(held_up: Order):
    perform("release_hold", held_up.pk)
    perform("confirm", held_up.pk)

    order = Order.objects.get()
    assert (order.holds, order.status) == ([], "confirmed")
