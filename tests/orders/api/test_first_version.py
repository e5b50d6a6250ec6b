"""The first version's own four calls, in its camelCase and its envelope."""

from __future__ import annotations

from typing import Any

import pytest

from events.models import Event
from inventory_client.models import Reservation, Stock
from orders.models import Order
from orders.rules.scopes import Scope
from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.refusals import assert_refused

CREATE = {"items": [{"productId": "abc123", "quantity": 1}], "customerId": "cus123"}


@pytest.fixture
def order(api, stock) -> dict[str, Any]:
    stock(abc123=10)
    response = api.post("/order/create", CREATE, content_type="application/json")
    assert response.status_code == 201, response.content
    data: dict[str, Any] = response.json()["data"]
    return data


def update(api, order: dict[str, Any], **fields: Any) -> Any:
    return api.put(f"/order/update/{order['orderId']}", fields, content_type="application/json")


def test_the_first_version_s_order_is_placed_and_read_in_its_own_words(api, order):
    assert order == {
        "orderId": order["orderId"],
        "customerId": "cus123",
        "status": "pending",
        "items": [
            {
                "id": order["items"][0]["id"],
                "orderId": order["orderId"],
                "productId": "abc123",
                "quantity": 1,
                "reserved": True,
            }
        ],
        "trackingCompany": None,
        "trackingNumber": None,
        "trackingLink": None,
    }
    response = api.get(f"/order/{order['orderId']}")
    assert response.status_code == 200
    assert response.json() == order  # alone, as it was


@pytest.mark.parametrize(
    ("method", "path"), [("get", "/order/{}"), ("put", "/order/update/{}"), ("delete", "/order/delete/{}")]
)
def test_a_missing_order_is_a_404_that_says_so_in_the_envelope_too(api, method, path):
    response = getattr(api, method)(
        path.format("01a2068a-33c2-75f8-9a09-a014ce1a34b0"), {"status": "shipped"}, content_type="application/json"
    )

    problem = assert_refused(response, 404, "order_not_found")
    assert (problem["success"], problem["data"], problem["message"]) == (False, None, problem["detail"])


def test_a_pending_order_is_shipped_in_one_call_as_the_first_version_did(api, order):
    response = update(
        api, order, status="shipped", trackingCompany="DHL", trackingNumber="1Z", trackingLink="https://dhl.example/1Z"
    )

    data = response.json()["data"]
    assert (response.status_code, response.json()["success"], data["status"]) == (200, True, "shipped")
    assert (data["trackingCompany"], data["trackingNumber"], data["trackingLink"]) == (
        "DHL",
        "1Z",
        "https://dhl.example/1Z",
    )
    v1 = api.get(f"/api/v1/orders/{order['orderId']}").json()
    assert (v1["fulfillment_status"], v1["items"][0]["shipped"]) == ("fulfilled", 1)
    assert v1["shipments"][0]["shipped_at"] is not None
    assert response.headers["ETag"] == f'"{v1["version"]}"'


def test_tracking_is_set_before_and_corrected_after_the_parcel_leaves(api, order):
    update(api, order, trackingNumber="1Z")
    update(api, order, status="shipped")
    response = update(api, order, status="shipped", trackingNumber="2Z")

    assert response.json()["data"]["trackingNumber"] == "2Z"
    assert len(api.get(f"/api/v1/orders/{order['orderId']}").json()["shipments"]) == 1


@pytest.mark.parametrize(
    ("statuses", "wrong"),
    [
        ([], "completed"),
        (["confirmed"], "pending"),
        (["confirmed"], "completed"),
        (["shipped"], "pending"),
        (["shipped"], "confirmed"),
        (["shipped"], "canceled"),
        (["shipped", "completed"], "shipped"),
        (["shipped", "completed"], "canceled"),
        (["canceled"], "pending"),
        (["canceled"], "confirmed"),
        (["canceled"], "shipped"),
        (["canceled"], "completed"),
    ],
)
def test_a_wrong_status_is_refused_and_changes_nothing(api, order, statuses, wrong):
    for status in statuses:
        assert update(api, order, status=status).status_code == 200
    before, events = api.get(f"/api/v1/orders/{order['orderId']}").json(), Event.objects.count()

    response = update(api, order, status=wrong, trackingNumber="1Z")

    problem = assert_refused(response, 409, "invalid_transition")
    assert (problem["current"], problem["wanted"]) == ((["pending", *statuses])[-1], wrong)
    assert api.get(f"/api/v1/orders/{order['orderId']}").json() == before
    assert Event.objects.count() == events


def test_what_cannot_be_shipped_is_not_confirmed_either(api, order):
    perform("hold", order["orderId"], kind=HoldKind.ADDRESS)
    before, events = api.get(f"/api/v1/orders/{order['orderId']}").json(), Event.objects.count()

    response = update(api, order, status="shipped")

    assert assert_refused(response, 409, "order_on_hold")["operation"] == "ship"
    assert api.get(f"/api/v1/orders/{order['orderId']}").json() == before
    assert Event.objects.count() == events
    assert Reservation.objects.get().state == "held"


def test_shipping_what_was_placed_is_two_events_and_confirms_its_hold(api, order):
    update(api, order, status="shipped")

    assert [event.data["operation"] for event in Event.objects.order_by("sequence")] == ["place", "confirm", "ship"]
    assert Reservation.objects.get().state == "confirmed"


@pytest.mark.parametrize("statuses", [[], ["confirmed"]])
def test_tracking_a_canceled_order_is_refused_before_anything_is_canceled(api, order, statuses):
    for status in statuses:
        update(api, order, status=status)
    before = api.get(f"/api/v1/orders/{order['orderId']}").json()

    response = update(api, order, status="canceled", trackingNumber="1Z")

    assert_refused(response, 409, "details_locked")
    assert api.get(f"/api/v1/orders/{order['orderId']}").json() == before
    assert Stock.objects.get(pk="abc123").reserved == 1


def test_an_order_may_be_sent_back_whole_with_its_next_status(api, order):
    update(api, order, status="shipped", trackingCompany="DHL", trackingNumber="1Z")

    response = update(api, order, status="completed", trackingCompany="DHL", trackingNumber="1Z", trackingLink=None)

    assert response.status_code == 200, response.content
    assert response.json()["data"]["status"] == "completed"


def test_a_status_is_taken_in_any_case(api, order):
    response = update(api, order, status="SHIPPED")

    assert (response.status_code, response.json()["data"]["status"]) == (200, "shipped")


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_the_empty_text_leave_the_tracking_alone(api, order, nothing):
    update(api, order, trackingCompany="DHL", trackingNumber="1Z", trackingLink="https://dhl.example/1Z")

    response = update(api, order, trackingCompany=nothing, trackingNumber=nothing, trackingLink=nothing, status=nothing)

    assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
    data = response.json()["data"]
    assert (data["trackingCompany"], data["trackingNumber"], data["trackingLink"]) == (
        "DHL",
        "1Z",
        "https://dhl.example/1Z",
    )


def test_an_item_that_is_canceled_whole_is_not_reserved(api, stock):
    stock(cup=5, mug=5)
    items = [{"productId": "cup", "quantity": 1}, {"productId": "mug", "quantity": 2}]
    placed = api.post("/order/create", {"customerId": "c", "items": items}, content_type="application/json").json()
    order_id = placed["data"]["orderId"]
    cup, mug = api.get(f"/api/v1/orders/{order_id}").json()["items"]

    units = [{"item_id": cup["id"], "quantity": 1}, {"item_id": mug["id"], "quantity": 1}]
    canceled = api.post(f"/api/v1/orders/{order_id}/cancel", {"items": units}, content_type="application/json")
    assert canceled.status_code == 200, canceled.content

    read = api.get(f"/order/{order_id}").json()
    assert [item["reserved"] for item in read["items"]] == [False, True]


def test_canceling_gives_the_stock_back(api, order):
    response = update(api, order, status="canceled")

    assert [item["reserved"] for item in response.json()["data"]["items"]] == [False]
    assert Stock.objects.get(pk="abc123").reserved == 0
    assert Order.objects.get().cancel_reason == "customer"


@pytest.mark.parametrize(
    "fields",
    [{}, {"status": "pending"}, {"trackingNumber": None}, {"status": ""}, {"status": None}, {"trackingLink": ""}],
)
def test_an_update_that_changes_nothing_is_no_event(api, order, fields):
    response = update(api, order, **fields)

    assert (response.status_code, response.headers["ETag"]) == (200, '"1"')
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"status": "lost"}, "/status"),
        ({"status": "x" * 10_000}, "/status"),
        ({"status": "ship\0ped"}, "/status"),
        ({"tracking_number": "1Z"}, "/tracking_number"),
        ({"trackingNumber": "1\0"}, "/trackingNumber"),
        ({"trackingLink": "javascript:alert(1)"}, "/trackingLink"),
        ({"trackingLink": "https://x.example/\n"}, "/trackingLink"),
        ({"items": [{"productId": "abc123"}]}, "/items/0/quantity"),
        ({"customerId": " cus9"}, "/customerId"),
        ({"orderId": "01a2068a-33c2-75f8-9a09-a014ce1a34b0"}, "/orderId"),
    ],
)
def test_an_update_that_is_not_valid_changes_nothing(api, order, fields, pointer):
    response = update(api, order, **fields)

    problem = assert_refused(response, 400, "validation_error")
    assert problem["errors"][0]["pointer"] == pointer
    assert Order.objects.get().version == 1


def test_deleting_answers_that_it_is_done(api, order):
    response = api.delete(f"/order/delete/{order['orderId']}")

    assert response.status_code == 200
    assert response.json() == {"data": None, "message": "Order marked for deletion", "success": True}


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"productId": "abc123", "quantity": 2}],
        [{"productId": "cup", "quantity": 1}],
        [{"productId": "abc123", "quantity": 1}] * 2,
    ],
)
def test_items_that_differ_are_refused_and_nothing_else_is_done(api, order, items):
    response = update(api, order, items=items, customerId="cus9", status="shipped", trackingNumber="1Z")

    problem = assert_refused(response, 400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/items", "not_changeable")]
    assert "amend" in problem["message"]
    assert (Order.objects.get().version, Order.objects.get().customer_id) == (1, "cus123")


def test_an_order_that_was_read_may_be_sent_back_as_it_is(api, order):
    response = api.put(f"/order/update/{order['orderId']}", order, content_type="application/json")

    assert (response.status_code, response.json()["data"], response.headers["ETag"]) == (200, order, '"1"')


@pytest.mark.parametrize("statuses", [[], ["shipped"], ["shipped", "completed"], ["canceled"]])
def test_another_customer_is_an_operation_of_its_own(api, order, statuses):
    for status in statuses:
        update(api, order, status=status)

    response = update(api, order, customerId="cus9")

    assert (response.status_code, response.json()["data"]["customerId"]) == (200, "cus9")
    event = Event.objects.latest("sequence")
    assert (event.data["operation"], event.data["changes"]) == ("change_customer", {"customer_id": ["cus123", "cus9"]})


def test_a_key_needs_the_scope_of_each_thing_it_asks_for(api, order, storefront, client_of):
    ships = client_of(storefront, Scope.ORDERS_READ, Scope.SHIPMENTS_WRITE)
    writes = client_of(storefront, Scope.ORDERS_READ, Scope.ORDERS_WRITE)
    blind = client_of(storefront, Scope.ORDERS_WRITE)

    assert_refused(update(ships, order, customerId="cus9", trackingNumber="1Z"), 403, "missing_scope")
    assert_refused(update(writes, order, customerId="cus9", trackingNumber="1Z"), 403, "missing_scope")
    assert_refused(update(blind, order, items=CREATE["items"], customerId="cus9"), 403, "missing_scope")
    assert Order.objects.get().version == 1
    assert update(writes, order, customerId="cus9", items=CREATE["items"]).status_code == 200
