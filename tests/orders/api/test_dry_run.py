"""`Prefer: dry-run`: what an operation would do is told, and nothing of it is done."""

from __future__ import annotations

import pytest

from orders.api.operations import POSTED
from orders.models import IdempotentAnswer, Order
from tests.orders.asking import ask, done, everything, item_ids, last_event, read, sell
from tests.orders.examples import EXAMPLES, ready_for
from tests.orders.refusals import assert_refused

DRY = {"Prefer": "dry-run"}
# Made anew each time it is done: ids, and when it was.
MADE = {"id", "refund_id", "updated_at", "packed_at", "shipped_at", "delivered_at", "placed_at", "decided_at"}
MADE |= {"created_at", "requested_at", "received_at", "occurred_at", "recorded_at", "reserved_until"}


def without_what_is_made(value):
    if isinstance(value, dict):
        return {name: without_what_is_made(part) for name, part in value.items() if name not in MADE}
    return [without_what_is_made(part) for part in value] if isinstance(value, list) else value


def test_every_operation_has_its_example():
    assert set(EXAMPLES) == set(POSTED)


@pytest.mark.parametrize("operation", EXAMPLES)
def test_it_tells_what_the_operation_then_does_and_changes_nothing(api, storefront, operation):
    order_id = sell(api)["id"]
    version = ready_for(operation, order_id)
    before = everything()

    response = ask(api, order_id, operation, DRY, **EXAMPLES[operation].body)

    assert everything() == before
    assert (response.status_code, response.headers["Preference-Applied"]) == (200, "dry-run")
    assert "ETag" not in response.headers
    told = response.json()
    assert told.keys() == {"order", "events", "stock", "money"}
    (event,) = told["events"]
    assert told["order"]["version"] == event["data"]["version"] == version + 1
    order = done(api, order_id, operation, **EXAMPLES[operation].body)
    assert without_what_is_made(told["order"]) == without_what_is_made(order)
    real = last_event(order_id)
    assert (event["type"], event["data"]["operation"]) == (real.type, real.data["operation"])
    assert without_what_is_made(event["data"]["instructions"]) == without_what_is_made(real.data["instructions"])
    assert event["data"]["changes"].keys() == real.data["changes"].keys()


@pytest.mark.parametrize(
    ("operation", "asked", "stock", "money"),
    [
        ("confirm", {}, {}, {}),
        (
            "cancel",
            {},
            {"cup": -2, "plate": -1},
            {"credited_amount": 3000, "canceled_amount": 3000, "due_amount": -3000, "balance_amount": -3000},
        ),
        (
            "cancel",
            {"items": {"cup": 1}},
            {"cup": -1},
            {"credited_amount": 1000, "canceled_amount": 1000, "due_amount": -1000, "balance_amount": -1000},
        ),
        (
            "amend",
            {"items": {"cup": 5, "plate": 0}},
            {"cup": 3, "plate": -1},
            {"items_amount": 2500, "total_amount": 2500, "due_amount": 2500, "balance_amount": 2500},
        ),
        (
            "record_payment",
            {"kind": "capture", "amount": 700, "psp_reference": "x"},
            {},
            {"captured_amount": 700, "balance_amount": -700},
        ),
        (
            "record_payment",
            {"kind": "authorization", "amount": 700, "psp_reference": "x"},
            {},
            {"authorized_amount": 700},
        ),
        ("hold", {"kind": "manual"}, {}, {}),
    ],
)
def test_it_tells_what_stock_and_money_would_gain_or_lose(api, storefront, operation, asked, stock, money):
    placed = sell(api)
    ids = item_ids(placed)
    if "items" in asked:
        asked = {"items": [{"item_id": ids[product], "quantity": n} for product, n in asked["items"].items()]}

    told = ask(api, placed["id"], operation, DRY, **asked).json()

    assert (told["stock"], told["money"]) == (stock, money)
    assert read(api, placed["id"]) == placed


def test_deleting_and_restoring_tell_of_the_stock_of_a_pending_order(api, storefront):
    placed = sell(api)
    path = f"/api/v1/orders/{placed['id']}"
    before = everything()
    deleting = api.delete(path, headers=DRY)
    assert everything() == before
    api.delete(path)
    before = everything()

    restoring = ask(api, placed["id"], "restore", DRY)

    assert everything() == before
    assert (deleting.status_code, deleting.headers["Preference-Applied"]) == (200, "dry-run")
    assert (deleting.json()["stock"], restoring.json()["stock"]) == ({"cup": -2, "plate": -1}, {"cup": 2, "plate": 1})
    assert [event["type"] for event in deleting.json()["events"]] == ["order.deleted"]
    assert [event["type"] for event in restoring.json()["events"]] == ["order.restored"]


def test_restoring_tells_of_the_stock_also_where_it_confirms_the_order(api, storefront):
    storefront.confirmation_policy = "on_payment"
    storefront.save()
    order_id = sell(api)["id"]
    api.delete(f"/api/v1/orders/{order_id}")
    done(api, order_id, "record_payment", kind="capture", amount=3000, psp_reference="pi_1")

    told = ask(api, order_id, "restore", DRY).json()

    assert (told["order"]["status"], told["stock"]) == ("confirmed", {"cup": 2, "plate": 1})


def test_returned_units_that_are_restocked_are_told_as_stock(api, storefront):
    order_id = sell(api)["id"]
    ready_for("receive_return", order_id)

    told = ask(api, order_id, "receive_return", DRY).json()

    assert (told["stock"], told["money"]) == (
        {"cup": -2, "plate": -1},
        {"credited_amount": 2500, "due_amount": -2500, "balance_amount": -2500},
    )


def test_a_change_of_details_can_be_rehearsed(api, storefront):
    placed = sell(api)
    before = everything()

    response = api.patch(
        f"/api/v1/orders/{placed['id']}", {"note": "ring twice"}, content_type="application/json", headers=DRY
    )

    assert everything() == before
    assert (response.json()["order"]["note"], response.json()["order"]["version"]) == ("ring twice", 2)
    assert response.headers["Preference-Applied"] == "dry-run"


@pytest.mark.parametrize(("operation", "asked"), [("track", {}), ("extend", {"minutes": 1})])
def test_no_change_is_told_as_none(api, storefront, operation, asked):
    placed = sell(api)

    told = ask(api, placed["id"], operation, DRY, **asked).json()

    assert told == {"order": placed, "events": [], "stock": {}, "money": {}}


@pytest.mark.parametrize(
    ("operation", "asked", "status", "code"),
    [
        ("ship", {}, 409, "invalid_transition"),
        ("amend", {"items": [{"product_id": "cup", "quantity": 1}]}, 400, "validation_error"),
        ("request_refund", {}, 409, "nothing_left"),
        ("restore", {}, 409, "not_deleted"),
        ("hold", {"kind": "none"}, 400, "validation_error"),
    ],
)
def test_what_would_be_refused_is_refused(api, storefront, operation, asked, status, code):
    placed = sell(api)
    before = everything()

    response = ask(api, placed["id"], operation, DRY, **asked)

    assert_refused(response, status, code)
    assert everything() == before


def test_more_units_for_an_imported_order_are_refused_in_a_rehearsal_too(api, place_order):
    placed = place_order(cup=1)
    Order.objects.update(reservation_id=None)

    response = ask(api, placed["id"], "amend", DRY, items=[{"item_id": item_ids(placed)["cup"], "quantity": 2}])

    assert_refused(response, 409, "no_stock_held")


def test_it_is_refused_where_it_is_not_offered(api, stock):
    stock(cup=10)
    order = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
    before = everything()

    for path, body in (("/api/v1/orders", order), ("/api/v1/orders/batch", {"orders": [order]})):
        response = api.post(path, body, content_type="application/json", headers=DRY)

        assert_refused(response, 400, "preference_not_supported")
    assert everything() == before


def test_a_key_used_in_a_rehearsal_is_free_for_the_change_itself(api, storefront):
    placed = sell(api)
    headers = {"Idempotency-Key": "key-1"}

    rehearsed = ask(api, placed["id"], "confirm", {**headers, **DRY})
    kept = IdempotentAnswer.objects.count()
    response = ask(api, placed["id"], "confirm", headers)
    rehearsed_again = ask(api, placed["id"], "confirm", {**headers, **DRY})

    assert (rehearsed.status_code, kept) == (200, 0)
    assert (response.status_code, response.json()["status"]) == (200, "confirmed")
    assert "Idempotent-Replayed" not in response.headers
    assert_refused(rehearsed_again, 409, "invalid_transition")


def test_if_match_counts_in_a_rehearsal(api, storefront):
    placed = sell(api)

    stale = ask(api, placed["id"], "confirm", {**DRY, "If-Match": '"7"'})
    current = ask(api, placed["id"], "confirm", {**DRY, "If-Match": '"1"'})

    assert assert_refused(stale, 412, "version_mismatch")["current_version"] == 1
    assert current.status_code == 200


@pytest.mark.parametrize(
    ("header", "dry"),
    [("DRY-RUN", True), ("respond-async, dry-run", True), ("dry-run; wait=5", True), ("dry", False), ("", False)],
)
def test_the_preference_may_stand_among_others(api, storefront, header, dry):
    placed = sell(api)

    response = ask(api, placed["id"], "confirm", {"Prefer": header})

    assert ("Preference-Applied" in response.headers) == dry
    assert read(api, placed["id"])["status"] == ("pending" if dry else "confirmed")
