"""Shipped units come back: announced, accepted, received, and perhaps sold again."""

from __future__ import annotations

import pytest

from inventory_client.models import Reservation
from orders import operations
from orders.models import Order, ReturnItem
from tests.base import perform
from tests.orders.asking import ask, counts, done, event_count, item_ids, last_event, on_shelf, read, sell
from tests.orders.refusals import assert_refused


@pytest.fixture
def shipped(api, place_order):
    """A shipped order: 3 cups and a plate."""
    order_id = place_order(cup=3, plate=1)["id"]
    done(api, order_id, "confirm")
    return done(api, order_id, "ship")


def units(order, **quantities):
    ids = item_ids(order)
    return [{"item_id": ids[product], "quantity": quantity} for product, quantity in quantities.items()]


# --- announced ---------------------------------------------------------------------------------------


def test_a_return_is_announced_with_its_units_and_cause(api, shipped):
    response = ask(
        api, shipped["id"], "request_return", cause="damaged", items=units(shipped, cup=2), reason="broke on the way"
    )

    order = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, '"4"')
    assert order == read(api, shipped["id"])
    (announced,) = order["returns"]
    assert announced == {
        "id": announced["id"],
        "state": "requested",
        "cause": "damaged",
        "items": [
            {
                "item_id": item_ids(shipped)["cup"],
                "quantity": 2,
                "received": 0,
                "condition": None,
                "restocked": False,
            }
        ],
        "requested_at": announced["requested_at"],
        "decided_at": None,
        "received_at": None,
    }
    assert counts(order, "returned") == {"cup": 0, "plate": 0}
    event = last_event(shipped["id"])
    assert (event.data["operation"], event.told_reason) == ("request_return", "broke on the way")
    assert event.data["changes"] == {"returns": [[], [announced]]}
    assert on_shelf() == {"cup": (997, 0), "plate": (999, 0)}


def test_without_items_all_that_is_with_the_customer_is_meant(api, shipped):
    done(api, shipped["id"], "request_return", cause="unwanted", items=units(shipped, cup=1))

    order = done(api, shipped["id"], "request_return", cause="unwanted")

    assert [[line["quantity"] for line in announced["items"]] for announced in order["returns"]] == [[1], [2, 1]]
    assert_refused(ask(api, shipped["id"], "request_return", cause="unwanted"), 409, "nothing_left")


def test_no_more_than_was_shipped_comes_back(api, place_order):
    placed = place_order(cup=3, plate=1)
    done(api, placed["id"], "confirm")
    done(api, placed["id"], "ship", items=units(placed, cup=2))
    before = done(api, placed["id"], "request_return", cause="unwanted", items=units(placed, cup=1))

    response = ask(
        api, placed["id"], "request_return", cause="unwanted", items=units(placed, cup=2) + units(placed, plate=1)
    )

    ids = item_ids(placed)
    assert assert_refused(response, 409, "quantity_exceeded")["items"] == [
        {"item_id": ids["cup"], "product_id": "cup", "requested": 2, "available": 1},
        {"item_id": ids["plate"], "product_id": "plate", "requested": 1, "available": 0},
    ]
    assert read(api, placed["id"]) == before
    assert ReturnItem.objects.count() == 1


@pytest.mark.parametrize("cause", ["unwanted", "damaged", "wrong_item", "not_as_described", "undeliverable", "other"])
def test_every_cause_is_kept(api, shipped, cause):
    assert done(api, shipped["id"], "request_return", cause=cause)["returns"][0]["cause"] == cause


@pytest.mark.parametrize(
    ("earlier", "code"),
    [
        ([], "not_allowed_in_status"),
        (["confirm"], "nothing_left"),
        (["confirm", "pack"], "nothing_left"),
        (["cancel"], "not_allowed_in_status"),
    ],
)
def test_nothing_comes_back_that_has_not_left(api, place_order, earlier, code):
    order_id = place_order(cup=1)["id"]
    for name in earlier:
        perform(name, order_id)
    before = read(api, order_id)

    assert_refused(ask(api, order_id, "request_return", cause="unwanted"), 409, code)

    assert read(api, order_id) == before


# --- decided -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("operation", "state"), [("approve_return", "approved"), ("reject_return", "rejected")])
def test_a_return_is_decided_once(api, shipped, operation, state):
    done(api, shipped["id"], "request_return", cause="unwanted", items=units(shipped, cup=1))

    order = done(api, shipped["id"], operation, reason="as agreed")
    again = ask(api, shipped["id"], operation)

    (decided,) = order["returns"]
    assert (decided["state"], decided["received_at"]) == (state, None)
    assert decided["decided_at"] is not None
    event = last_event(shipped["id"])
    assert (event.data["operation"], event.told_reason) == (operation, "as agreed")
    assert_refused(again, 409, "nothing_left")
    assert read(api, shipped["id"]) == order


def test_the_units_of_a_rejected_return_can_be_announced_anew(api, shipped):
    done(api, shipped["id"], "request_return", cause="unwanted")
    done(api, shipped["id"], "reject_return")

    order = done(api, shipped["id"], "request_return", cause="damaged", items=units(shipped, cup=3))

    assert [announced["state"] for announced in order["returns"]] == ["rejected", "requested"]


def test_of_several_the_one_meant_has_to_be_named(api, shipped):
    done(api, shipped["id"], "request_return", cause="unwanted", items=units(shipped, cup=1))
    before = done(api, shipped["id"], "request_return", cause="damaged", items=units(shipped, cup=1))
    ids = [announced["id"] for announced in before["returns"]]

    ambiguous = ask(api, shipped["id"], "approve_return")
    order = done(api, shipped["id"], "approve_return", return_id=ids[1])

    problem = assert_refused(ambiguous, 422, "ambiguous")
    assert (problem["choices"], problem["errors"][0]["pointer"]) == (ids, "/return_id")
    assert [announced["state"] for announced in order["returns"]] == ["requested", "approved"]


@pytest.mark.parametrize(
    ("operation", "state", "expected"),
    [
        ("approve_return", "approved", "requested"),
        ("reject_return", "approved", "requested"),
        ("receive_return", "requested", "approved"),
    ],
)
def test_a_return_in_another_state_is_not_taken_further(api, shipped, operation, state, expected):
    done(api, shipped["id"], "request_return", cause="unwanted", items=units(shipped, cup=1))
    done(api, shipped["id"], "approve_return")
    before = done(api, shipped["id"], "request_return", cause="damaged", items=units(shipped, cup=1))
    wrong = next(announced["id"] for announced in before["returns"] if announced["state"] == state)

    problem = assert_refused(ask(api, shipped["id"], operation, return_id=wrong), 409, "wrong_state")

    assert (problem["current"], problem["allowed"]) == (state, [expected])
    assert read(api, shipped["id"]) == before


@pytest.mark.parametrize("operation", ["approve_return", "reject_return", "receive_return"])
def test_a_return_of_another_order_is_unknown(api, shipped, place_order, operation):
    foreign = place_order(cup=1)["id"]
    for name, asked in (("confirm", {}), ("ship", {}), ("request_return", {"cause": "unwanted"})):
        foreign_return = perform(name, foreign, **asked)["returns"]
    before = done(api, shipped["id"], "request_return", cause="unwanted")
    if operation == "receive_return":
        before = done(api, shipped["id"], "approve_return")

    response = ask(api, shipped["id"], operation, return_id=foreign_return[0]["id"])

    assert_refused(response, 422, "unknown_part")
    assert read(api, shipped["id"]) == before


# --- received ----------------------------------------------------------------------------------------


def test_received_units_are_back_on_the_shelf(api, shipped):
    done(api, shipped["id"], "request_return", cause="unwanted", items=units(shipped, cup=2))
    done(api, shipped["id"], "approve_return")

    response = ask(api, shipped["id"], "receive_return", reason="dock 2")

    order = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, '"6"')
    (received,) = order["returns"]
    assert received["state"] == "received"
    assert received["received_at"] is not None
    assert [(line["received"], line["condition"], line["restocked"]) for line in received["items"]] == [
        (2, "new", True)
    ]
    assert (counts(order, "returned"), counts(order, "restocked")) == ({"cup": 2, "plate": 0}, {"cup": 2, "plate": 0})
    assert (order["status"], order["fulfillment_status"]) == ("shipped", "fulfilled")
    assert Reservation.objects.get().state == "confirmed"
    assert on_shelf() == {"cup": (999, 0), "plate": (999, 0)}
    assert Order.objects.get().stock_action is None


def test_units_that_are_not_restocked_are_not_sold_again(api, shipped):
    done(api, shipped["id"], "request_return", cause="damaged", items=units(shipped, cup=2))
    done(api, shipped["id"], "approve_return")
    (line,) = units(shipped, cup=2)

    order = done(api, shipped["id"], "receive_return", items=[{**line, "condition": "damaged", "restock": False}])

    (back,) = order["returns"][0]["items"]
    assert (back["received"], back["condition"], back["restocked"]) == (2, "damaged", False)
    assert (counts(order, "returned"), counts(order, "restocked")) == ({"cup": 2, "plate": 0}, {"cup": 0, "plate": 0})
    assert on_shelf() == {"cup": (997, 0), "plate": (999, 0)}
    assert Order.objects.get().stock_action is None


def test_what_was_announced_and_did_not_come_can_come_later(api, shipped):
    done(api, shipped["id"], "request_return", cause="unwanted")
    done(api, shipped["id"], "approve_return")
    (cup,) = units(shipped, cup=2)

    order = done(api, shipped["id"], "receive_return", items=[{**cup, "condition": "opened"}])

    lines = {line["item_id"]: line for line in order["returns"][0]["items"]}
    ids = item_ids(shipped)
    assert (lines[ids["cup"]]["quantity"], lines[ids["cup"]]["received"]) == (3, 2)
    assert lines[ids["cup"]]["condition"] == "opened"
    assert (lines[ids["plate"]]["received"], lines[ids["plate"]]["condition"]) == (0, None)
    assert on_shelf() == {"cup": (997, 0), "plate": (999, 0)}
    again = done(api, shipped["id"], "request_return", cause="unwanted")
    assert {line["item_id"]: line["quantity"] for line in again["returns"][1]["items"]} == {
        ids["cup"]: 1,
        ids["plate"]: 1,
    }


def test_when_all_is_back_the_reservation_is_released(api, shipped):
    done(api, shipped["id"], "complete")
    done(api, shipped["id"], "request_return", cause="unwanted")
    done(api, shipped["id"], "approve_return")

    order = done(api, shipped["id"], "receive_return")

    assert (order["status"], counts(order, "restocked")) == ("completed", {"cup": 3, "plate": 1})
    assert Reservation.objects.get().state == "released"
    assert on_shelf() == {"cup": (1000, 0), "plate": (1000, 0)}


def test_two_returns_one_after_the_other_give_back_what_each_brought(api, shipped):
    for cups in (998, 999):
        done(api, shipped["id"], "request_return", cause="unwanted", items=units(shipped, cup=1))
        done(api, shipped["id"], "approve_return")
        done(api, shipped["id"], "receive_return")
        assert on_shelf() == {"cup": (cups, 0), "plate": (999, 0)}


def test_units_may_come_back_while_others_have_not_been_shipped(api, place_order):
    placed = place_order(cup=3)
    done(api, placed["id"], "confirm")
    done(api, placed["id"], "ship", items=units(placed, cup=1))
    done(api, placed["id"], "request_return", cause="unwanted")
    done(api, placed["id"], "approve_return")

    order = done(api, placed["id"], "receive_return")

    assert (order["status"], order["fulfillment_status"]) == ("confirmed", "partial")
    assert on_shelf() == {"cup": (1000, 2)}
    assert counts(done(api, placed["id"], "ship"), "shipped") == {"cup": 3}


def test_restocking_that_the_inventory_missed_is_told_later(api, shipped, settings):
    done(api, shipped["id"], "request_return", cause="unwanted", items=units(shipped, cup=2))
    done(api, shipped["id"], "approve_return")
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    order = done(api, shipped["id"], "receive_return")
    settings.INVENTORY_URL = ""

    assert order["returns"][0]["state"] == "received"
    assert on_shelf() == {"cup": (997, 0), "plate": (999, 0)}
    assert operations.settle_orders() == (1, 0)
    assert on_shelf() == {"cup": (999, 0), "plate": (999, 0)}


def test_more_than_was_announced_is_not_received(api, shipped):
    done(api, shipped["id"], "request_return", cause="unwanted", items=units(shipped, cup=2))
    before = done(api, shipped["id"], "approve_return")

    response = ask(api, shipped["id"], "receive_return", items=units(shipped, cup=3, plate=1))

    ids = item_ids(shipped)
    assert assert_refused(response, 409, "quantity_exceeded")["items"] == [
        {"item_id": ids["cup"], "product_id": "cup", "requested": 3, "available": 2},
        {"item_id": ids["plate"], "product_id": "plate", "requested": 1, "available": 0},
    ]
    assert read(api, shipped["id"]) == before
    assert on_shelf() == {"cup": (997, 0), "plate": (999, 0)}


def test_an_item_named_twice_is_refused(api, shipped):
    done(api, shipped["id"], "request_return", cause="unwanted")
    before = done(api, shipped["id"], "approve_return")

    response = ask(api, shipped["id"], "receive_return", items=units(shipped, cup=1) + units(shipped, cup=1))

    problem = assert_refused(response, 400, "validation_error")
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == ("/items", "not_unique")
    assert read(api, shipped["id"]) == before


def test_a_return_is_received_once(api, shipped):
    done(api, shipped["id"], "request_return", cause="unwanted", items=units(shipped, cup=1))
    done(api, shipped["id"], "approve_return")
    before = done(api, shipped["id"], "receive_return")

    assert_refused(ask(api, shipped["id"], "receive_return"), 409, "nothing_left")

    assert read(api, shipped["id"]) == before
    assert event_count() == 6


def test_an_item_of_another_order_is_not_announced(api, shipped, place_order):
    other = place_order(cup=1)

    response = ask(api, shipped["id"], "request_return", cause="unwanted", items=units(other, cup=1))

    assert_refused(response, 422, "unknown_part")
    assert read(api, shipped["id"]) == shipped


def test_an_item_of_another_order_is_not_received(api, shipped, place_order):
    other = place_order(cup=1)
    done(api, shipped["id"], "request_return", cause="unwanted")
    before = done(api, shipped["id"], "approve_return")

    response = ask(api, shipped["id"], "receive_return", items=units(other, cup=1))

    assert_refused(response, 422, "unknown_part")
    assert read(api, shipped["id"]) == before


# --- what comes back, and what never does -------------------------------------------------------------


@pytest.fixture
def coming(api, storefront):
    """`coming("damaged")`: an order of two cups and a plate, shipped, all of it approved to come back."""

    def announce(cause: str = "unwanted"):
        order_id = sell(api)["id"]
        done(api, order_id, "confirm")
        done(api, order_id, "ship")
        done(api, order_id, "request_return", cause=cause)
        return done(api, order_id, "approve_return")

    return announce


def test_damaged_units_do_not_go_back_on_the_shelf_unless_it_is_said(api, coming):
    order = coming("damaged")

    received = done(api, order["id"], "receive_return")

    assert {line["condition"] for line in received["returns"][0]["items"]} == {"damaged"}
    assert counts(received, "returned") == {"cup": 2, "plate": 1}
    assert counts(received, "restocked") == {"cup": 0, "plate": 0}


def test_the_condition_decides_what_goes_back_on_the_shelf_line_by_line(api, coming):
    order = coming()
    ids = item_ids(order)

    received = done(
        api,
        order["id"],
        "receive_return",
        items=[
            {"item_id": ids["cup"], "quantity": 2, "condition": "damaged"},
            {"item_id": ids["plate"], "quantity": 1, "condition": "opened"},
        ],
    )

    assert counts(received, "restocked") == {"cup": 0, "plate": 0}


@pytest.mark.parametrize(
    ("cause", "condition", "restocked"),
    [
        ("unwanted", "new", {"cup": 2, "plate": 1}),
        ("wrong_item", "new", {"cup": 2, "plate": 1}),
        ("undeliverable", "new", {"cup": 2, "plate": 1}),
        ("damaged", "damaged", {"cup": 0, "plate": 0}),
        ("not_as_described", "opened", {"cup": 0, "plate": 0}),
        ("other", "opened", {"cup": 0, "plate": 0}),
    ],
)
def test_the_condition_follows_the_cause_and_only_what_is_as_new_goes_back(api, coming, cause, condition, restocked):
    received = done(api, coming(cause)["id"], "receive_return")

    assert {line["condition"] for line in received["returns"][0]["items"]} == {condition}
    assert counts(received, "restocked") == restocked


@pytest.mark.parametrize("line", [{"condition": "opened"}, {"condition": "damaged"}, {}])
def test_what_is_not_as_new_is_never_put_back_on_the_shelf(api, coming, line):
    order = coming("damaged")
    asked = [{"item_id": item_ids(order)["cup"], "quantity": 2, "restock": True, **line}]

    response = ask(api, order["id"], "receive_return", items=asked)

    assert_refused(response, 400, "validation_error")
    assert response.json()["errors"][0]["pointer"] == "/items/0/restock"
    assert read(api, order["id"])["version"] == order["version"]


def test_part_of_a_return_arrives_now_and_the_rest_later(api, coming):
    order = coming()
    some = [{"item_id": item_ids(order)["cup"], "quantity": 1}]

    first = done(api, order["id"], "receive_return", items=some, rest_follows=True)
    last = done(api, order["id"], "receive_return")

    assert [announced["state"] for announced in first["returns"]] == ["received", "approved"]
    assert [line["quantity"] for line in first["returns"][1]["items"]] == [1, 1]
    assert counts(first, "returned") == {"cup": 1, "plate": 0}
    assert [announced["state"] for announced in last["returns"]] == ["received", "received"]
    assert counts(last, "returned") == {"cup": 2, "plate": 1}


def test_a_return_that_never_arrives_is_closed_and_its_units_can_be_announced_again(api, coming):
    order = coming()

    closed = done(api, order["id"], "close_return", reason="lost on the way")
    again = done(api, order["id"], "request_return", cause="unwanted")

    assert [announced["state"] for announced in closed["returns"]] == ["closed"]
    assert last_event(order["id"]).sequence == again["version"]
    assert [announced["state"] for announced in again["returns"]] == ["closed", "requested"]
    assert_refused(ask(api, order["id"], "close_return"), 409, "nothing_left")


def test_units_that_were_never_taken_from_the_shelf_here_do_not_go_back_on_it(api, coming):
    order = coming()
    Order.objects.update(reservation_id=None)  # as imported orders are
    all_of_it = [{"item_id": item_id, "quantity": 1, "restock": True} for item_id in item_ids(order).values()]

    assert_refused(ask(api, order["id"], "receive_return", items=all_of_it), 409, "no_stock_held")

    assert counts(done(api, order["id"], "receive_return"), "restocked") == {"cup": 0, "plate": 0}
