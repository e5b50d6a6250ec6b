"""What was told of parcels by mistake is taken back, with a reason, while nothing later stands on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from orders import operations
from orders.models import Order
from tests.chaos.promises import broken_promises
from tests.orders.asking import ask, counts, done, item_ids, last_event, on_shelf, read, reserved, sell
from tests.orders.refusals import assert_refused

UNDOING = ["undo_shipment", "undo_delivery", "undo_completion", "reinstate"]
READY = {
    "undo_shipment": ["confirm", "ship"],
    "undo_delivery": ["confirm", "ship", "deliver"],
    "undo_completion": ["confirm", "ship", "complete"],
    "reinstate": ["cancel"],
}


@pytest.fixture
def brought(api, storefront):
    """`brought("confirm", "ship")`: an order of two cups and a plate, that far."""

    def bring(*steps: str):
        order = sell(api)
        for step in steps:
            order = done(api, order["id"], step)
        return order

    return bring


@pytest.mark.parametrize("operation", UNDOING)
@pytest.mark.parametrize("reason", [{}, {"reason": ""}, {"reason": "  "}])
def test_nothing_is_taken_back_without_a_reason(api, brought, operation, reason):
    order = brought(*READY[operation])

    problem = assert_refused(ask(api, order["id"], operation, **reason), 400, "validation_error")

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/reason", "required")]
    assert read(api, order["id"]) == order
    left = {"cup": (1000, 0), "plate": (1000, 0)} if operation == "reinstate" else {"cup": (998, 0), "plate": (999, 0)}
    assert on_shelf() == left


@pytest.mark.parametrize("operation", UNDOING)
def test_it_is_an_operation_of_its_own_in_the_log(api, brought, operation):
    order = brought(*READY[operation])

    after = done(api, order["id"], operation, reason="typed into the wrong order")

    event = last_event(order["id"])
    assert (event.type, event.data["operation"], event.told_reason) == (
        "order.updated",
        operation,
        "typed into the wrong order",
    )
    assert event.sequence == after["version"] == order["version"] + 1
    assert broken_promises() == {}


def test_a_parcel_that_has_not_left_is_packed_again_and_its_units_are_open(api, brought):
    order = brought("confirm")
    parcel = done(api, order["id"], "ship", tracking_company="DHL", tracking_number="JD1")["shipments"][0]

    after = done(api, order["id"], "undo_shipment", reason="still in the van")

    assert (after["status"], after["fulfillment_status"]) == ("confirmed", "unfulfilled")
    assert counts(after, "shipped") == {"cup": 0, "plate": 0}
    (packed,) = after["shipments"]
    assert (packed["id"], packed["tracking_number"], packed["items"]) == (parcel["id"], "JD1", parcel["items"])
    assert (packed["packed_at"], packed["shipped_at"]) == (None, None)
    assert on_shelf() == {"cup": (1000, 2), "plate": (1000, 1)}
    shipped = done(api, order["id"], "ship")
    assert (shipped["status"], [shipment["id"] for shipment in shipped["shipments"]]) == ("shipped", [parcel["id"]])
    assert done(api, order["id"], "undo_shipment", reason="again")["status"] == "confirmed"
    assert done(api, order["id"], "cancel")["status"] == "canceled"
    assert on_shelf() == {"cup": (1000, 0), "plate": (1000, 0)}
    assert broken_promises() == {}


def test_a_wrong_time_of_leaving_is_corrected_by_shipping_anew(api, brought):
    order = brought("confirm")
    done(api, order["id"], "ship")

    done(api, order["id"], "undo_shipment", reason="it left earlier")

    (parcel,) = done(api, order["id"], "ship", shipped_at=order["placed_at"])["shipments"]
    assert (parcel["packed_at"], parcel["shipped_at"]) == (None, order["placed_at"])
    assert broken_promises() == {}


def test_a_parcel_that_has_not_left_keeps_when_it_was_packed(api, brought):
    order = brought("confirm")
    (packed,) = done(api, order["id"], "pack")["shipments"]
    done(api, order["id"], "ship")

    after = done(api, order["id"], "undo_shipment", reason="still in the van")

    assert after["shipments"] == [packed]


def test_of_several_parcels_one_has_to_be_named(api, brought):
    order = brought("confirm")
    cup = {"items": [{"item_id": item_ids(order)["cup"], "quantity": 1}]}
    for _ in range(2):
        order = done(api, order["id"], "ship", **cup)
    first, second = (shipment["id"] for shipment in order["shipments"])

    problem = assert_refused(ask(api, order["id"], "undo_shipment", reason="which?"), 422, "ambiguous")
    assert sorted(problem["choices"]) == sorted([first, second])
    after = done(api, order["id"], "undo_shipment", shipment_id=first, reason="this one")

    assert (after["fulfillment_status"], counts(after, "shipped")) == ("partial", {"cup": 1, "plate": 0})
    assert [shipment["shipped_at"] is None for shipment in after["shipments"]] == [True, False]
    problem = assert_refused(
        ask(api, order["id"], "undo_shipment", shipment_id=first, reason="once more"), 409, "wrong_state"
    )
    assert problem["detail"] == "The shipment is being prepared; only one that is on its way can be taken further."


def test_an_order_that_ended_partly_shipped_is_open_again(api, brought):
    order = brought("confirm")
    done(api, order["id"], "ship", items=[{"item_id": item_ids(order)["plate"], "quantity": 1}])
    assert done(api, order["id"], "cancel")["status"] == "shipped"

    after = done(api, order["id"], "undo_shipment", reason="never left")

    assert (after["status"], after["fulfillment_status"]) == ("confirmed", "unfulfilled")
    assert (counts(after, "canceled"), reserved()) == ({"cup": 2, "plate": 0}, {"plate": 1})
    assert broken_promises() == {}


def test_once_a_parcel_has_not_left_the_address_can_be_changed(api, brought):
    order = brought("confirm")
    cup = {"items": [{"item_id": item_ids(order)["cup"], "quantity": 1}]}
    done(api, order["id"], "ship", **cup)
    path, city = f"/api/v1/orders/{order['id']}", {"shipping_address": {"city": "Hobart"}}
    assert_refused(api.patch(path, city, content_type="application/json"), 409, "address_in_use")

    done(api, order["id"], "undo_shipment", reason="wrong street")

    assert api.patch(path, city, content_type="application/json").status_code == 200


@pytest.mark.parametrize("steps", [[], ["approve_return"], ["approve_return", "receive_return"]])
def test_a_parcel_of_which_units_come_back_has_left(api, brought, steps):
    order = brought("confirm", "ship")
    cup = {"items": [{"item_id": item_ids(order)["cup"], "quantity": 1}]}
    order = done(api, order["id"], "request_return", cause="damaged", **cup)
    for step in steps:
        order = done(api, order["id"], step)

    problem = assert_refused(ask(api, order["id"], "undo_shipment", reason="not so"), 409, "units_come_back")

    assert problem["products"] == ["cup"]
    assert read(api, order["id"]) == order


def test_a_parcel_whose_return_was_rejected_can_still_be_taken_back(api, brought):
    order = brought("confirm", "ship")
    done(api, order["id"], "request_return", cause="damaged")
    done(api, order["id"], "reject_return")

    after = done(api, order["id"], "undo_shipment", reason="never left")
    assert (after["status"], [back["state"] for back in after["returns"]]) == ("confirmed", ["rejected"])


def test_a_parcel_that_has_arrived_has_left(api, brought):
    order = brought("confirm", "ship", "deliver")

    assert_refused(ask(api, order["id"], "undo_shipment", reason="not so"), 409, "nothing_left")
    parcel = order["shipments"][0]["id"]
    refused = ask(api, order["id"], "undo_shipment", shipment_id=parcel, reason="not so")
    assert_refused(refused, 409, "nothing_left")
    done(api, order["id"], "undo_delivery", reason="not so")

    assert done(api, order["id"], "undo_shipment", reason="not so")["status"] == "confirmed"


def test_a_wrong_time_of_arrival_is_corrected_by_delivering_anew(api, brought):
    order = brought("confirm")
    shipped_at = (timezone.now() - timedelta(days=5)).isoformat()
    done(api, order["id"], "ship")
    done(api, order["id"], "deliver")

    after = done(api, order["id"], "undo_delivery", reason="a day too early")

    assert after["shipments"][0]["delivered_at"] is None
    assert Order.objects.get().delivered_at is None
    delivered = done(api, order["id"], "deliver")
    assert delivered["shipments"][0]["delivered_at"] > shipped_at
    assert Order.objects.get().delivered_at is not None
    assert broken_promises() == {}


def test_parcels_that_completing_took_for_delivered_are_on_their_way_again(api, brought):
    order = brought("confirm")
    cup = {"items": [{"item_id": item_ids(order)["cup"], "quantity": 1}]}
    first = done(api, order["id"], "ship", **cup)["shipments"][0]["id"]
    done(api, order["id"], "ship")
    arrived = done(api, order["id"], "deliver", shipment_id=first)["shipments"][0]["delivered_at"]
    done(api, order["id"], "complete")

    after = done(api, order["id"], "undo_completion", reason="the other order")

    assert (after["status"], after["holds"]) == ("shipped", [])
    assert [shipment["delivered_at"] for shipment in after["shipments"]] == [arrived, None]
    assert Order.objects.get().delivered_at is None
    assert broken_promises() == {}


@pytest.mark.parametrize(("days", "arrives"), [(None, ["deliver"]), (14, [])])
def test_what_the_sweeper_would_not_complete_is_opened_again_without_a_hold(api, brought, storefront, days, arrives):
    storefront.complete_after_days = days
    storefront.save()
    order = brought("confirm", "ship", *arrives, "complete")

    assert done(api, order["id"], "undo_completion", reason="not yet")["holds"] == []


def test_what_was_opened_again_is_not_completed_by_the_sweeper(api, brought, storefront):
    storefront.complete_after_days = 0
    storefront.save()
    order = brought("confirm", "ship", "deliver", "complete")

    after = done(api, order["id"], "undo_completion", reason="not yet")

    assert [(hold["kind"], hold["blocks"]) for hold in after["holds"]] == [("manual", ["complete"])]
    later = timezone.now() + timedelta(days=1)
    assert operations.complete_orders(now=later) == 0
    done(api, order["id"], "release_hold")
    assert operations.complete_orders(now=later) == 1


def test_another_customer_is_one_change_and_the_same_again_is_none(api, brought):
    order = brought()

    after = done(api, order["id"], "change_customer", customer_id="cus456")

    assert (after["customer_id"], after["version"]) == ("cus456", 2)
    assert last_event(order["id"]).data["changes"] == {"customer_id": ["cus123", "cus456"]}
    assert done(api, order["id"], "change_customer", customer_id="cus456") == after
    found = api.get("/api/v1/orders", {"customer_id": "cus456"}).json()["results"]
    assert [row["id"] for row in found] == [order["id"]]
    assert api.get("/api/v1/orders", {"customer_id": "cus123"}).json()["results"] == []
