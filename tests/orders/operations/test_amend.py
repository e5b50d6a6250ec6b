"""Other items than were ordered: new stock is held before it is promised, freed stock is given back."""

from __future__ import annotations

from typing import Any

import pytest

from inventory_client.faults import Fault, FaultKind
from inventory_client.models import Reservation
from orders import operations
from orders.models import Order, OrderItem, Storefront
from tests.base import perform
from tests.orders.asking import ask, counts, done, event_count, item_ids, last_event, on_shelf, read, reserved, sell
from tests.orders.refusals import assert_refused

MAX = 2**53 - 1


def held_lines() -> dict[str, int]:
    reservation = Reservation.objects.get()
    return dict(zip(reservation.product_ids, reservation.quantities, strict=True))


def assert_unchanged(api: Any, before: Any, stock: dict[str, int]) -> None:
    """The order, its reservation and its history are as they were, and nothing waits to be settled."""
    assert read(api, before["id"]) == before
    assert held_lines() == reserved() == stock
    assert event_count() == before["version"]
    assert Order.objects.get(pk=before["id"]).stock_action is None
    assert operations.settle_orders() == (0, 0)


# --- what becomes of order and stock -----------------------------------------------------------------


def test_more_units_are_held_and_the_event_tells_them(api, place_order):
    placed = place_order(cup=2, plate=1)
    cup = item_ids(placed)["cup"]

    response = ask(api, placed["id"], "amend", items=[{"item_id": cup, "quantity": 5}], reason="guests")

    assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
    order = response.json()
    assert order == read(api, placed["id"])
    assert {name for name in order if order[name] != placed[name]} == {"items", "version", "updated_at"}
    assert counts(order, "quantity") == {"cup": 5, "plate": 1}
    assert held_lines() == reserved() == {"cup": 5, "plate": 1}
    assert (Reservation.objects.get().state, Order.objects.get().stock_action) == ("held", None)
    event = last_event(placed["id"])
    assert (event.sequence, event.type, event.data["operation"], event.told_reason) == (
        2,
        "order.updated",
        "amend",
        "guests",
    )
    assert event.data["changes"] == {"items": [[{"id": cup, "quantity": 2}], [{"id": cup, "quantity": 5}]]}


def test_fewer_units_are_given_back(api, place_order):
    placed = place_order(cup=5)

    order = done(api, placed["id"], "amend", items=[{"item_id": item_ids(placed)["cup"], "quantity": 1}])

    assert counts(order, "quantity") == {"cup": 1}
    assert held_lines() == reserved() == {"cup": 1}


def test_items_are_removed_and_added_in_one_amendment(api, place_order, stock):
    placed = place_order(cup=2, plate=1)
    stock(bowl=3)
    cup = item_ids(placed)["cup"]

    order = done(
        api,
        placed["id"],
        "amend",
        items=[{"item_id": cup, "quantity": 0}, {"product_id": "bowl", "quantity": 3, "name": "Bowl, blue"}],
    )

    assert [(item["product_id"], item["quantity"], item["name"]) for item in order["items"]] == [
        ("plate", 1, None),
        ("bowl", 3, "Bowl, blue"),
    ]
    assert held_lines() == reserved() == {"plate": 1, "bowl": 3}
    gone, new = last_event(placed["id"]).data["changes"]["items"]
    assert [item["id"] for item in gone] == [cup]
    assert [item["product_id"] for item in new] == ["bowl"]


def test_a_product_may_stand_in_two_items(api, place_order):
    placed = place_order(cup=2)

    order = done(api, placed["id"], "amend", items=[{"product_id": "cup", "quantity": 3}])

    assert [(item["product_id"], item["quantity"]) for item in order["items"]] == [("cup", 2), ("cup", 3)]
    assert held_lines() == reserved() == {"cup": 5}


def test_the_last_units_there_are_can_be_added(api, place_order, stock):
    placed = place_order(cup=2)
    stock(cup=5)

    done(api, placed["id"], "amend", items=[{"item_id": item_ids(placed)["cup"], "quantity": 5}])

    assert reserved() == {"cup": 5}


@pytest.mark.parametrize(("quantity", "left"), [(5, {"cup": 5}), (1, {"cup": 1})])
def test_the_reservation_of_a_confirmed_order_stays_confirmed(api, place_order, quantity, left):
    placed = place_order(cup=2)
    done(api, placed["id"], "confirm")

    order = done(api, placed["id"], "amend", items=[{"item_id": item_ids(placed)["cup"], "quantity": quantity}])

    assert order["status"] == "confirmed"
    assert held_lines() == reserved() == left
    assert (Reservation.objects.get().state, Order.objects.get().stock_action) == ("confirmed", None)


def test_what_has_not_been_shipped_of_an_order_can_be_amended(api, place_order):
    placed = place_order(cup=2, plate=1)
    cup, plate = (item_ids(placed)[name] for name in ("cup", "plate"))
    done(api, placed["id"], "confirm")
    before = done(api, placed["id"], "ship", items=[{"item_id": cup, "quantity": 1}])

    refused = ask(api, placed["id"], "amend", items=[{"item_id": cup, "quantity": 5}])
    order = done(api, placed["id"], "amend", items=[{"item_id": plate, "quantity": 4}])

    problem = assert_refused(refused, 409, "item_shipped")
    assert (problem["item_id"], problem["product_id"]) == (cup, "cup")
    assert (order["version"], before["version"]) == (4, 3)
    assert counts(order, "quantity") == {"cup": 2, "plate": 4}
    assert (order["status"], order["fulfillment_status"]) == ("confirmed", "partial")
    assert held_lines() == {"cup": 2, "plate": 4}
    assert on_shelf() == {"cup": (999, 1), "plate": (1000, 4)}


def test_of_a_removed_item_the_canceled_units_stay_on_record(api, place_order):
    placed = place_order(cup=5, plate=1)
    cup = item_ids(placed)["cup"]
    done(api, placed["id"], "cancel", items=[{"item_id": cup, "quantity": 2}])

    order = done(api, placed["id"], "amend", items=[{"item_id": cup, "quantity": 0}])

    assert (counts(order, "quantity"), counts(order, "canceled")) == ({"cup": 2, "plate": 1}, {"cup": 2, "plate": 0})
    assert held_lines() == reserved() == {"plate": 1}


def test_an_item_in_a_packed_parcel_can_be_removed_and_is_no_longer_in_it(api, place_order):
    placed = place_order(cup=2, plate=1)
    cup, plate = (item_ids(placed)[name] for name in ("cup", "plate"))
    done(api, placed["id"], "pack")

    order = done(api, placed["id"], "amend", items=[{"item_id": cup, "quantity": 0}])

    assert counts(order, "quantity") == {"plate": 1}
    assert [parcel["items"] for parcel in order["shipments"]] == [[{"item_id": plate, "quantity": 1}]]
    assert held_lines() == reserved() == {"plate": 1}


def test_an_amendment_that_changes_nothing_is_no_version_and_no_event(api, place_order):
    placed = place_order(cup=2)

    order = done(api, placed["id"], "amend", items=[{"item_id": item_ids(placed)["cup"], "quantity": 2}])

    assert order == placed
    assert_unchanged(api, placed, {"cup": 2})


# --- no stock for it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_shortage_refuses_it_and_leaves_order_and_reservation_as_they_were(api, place_order, stock, confirmed):
    order_id = place_order(cup=2, plate=1)["id"]
    if confirmed:
        done(api, order_id, "confirm")
    before = read(api, order_id)
    stock(cup=4)

    response = ask(api, order_id, "amend", items=[{"item_id": item_ids(before)["cup"], "quantity": 5}])

    problem = assert_refused(response, 409, "out_of_stock")
    assert problem["products"] == [{"product_id": "cup", "requested": 5, "available": 4}]
    assert "as it was" in problem["detail"]
    assert_unchanged(api, before, {"cup": 2, "plate": 1})
    assert Reservation.objects.get().state == ("confirmed" if confirmed else "held")


def test_a_shortage_of_one_item_keeps_all_others_too(api, place_order, stock):
    before = place_order(cup=2, plate=3)
    stock(bowl=1)
    items = [
        {"item_id": item_ids(before)["plate"], "quantity": 1},
        {"product_id": "bowl", "quantity": 2},
    ]

    response = ask(api, before["id"], "amend", items=items)

    assert assert_refused(response, 409, "out_of_stock")["products"] == [
        {"product_id": "bowl", "requested": 2, "available": 1}
    ]
    assert_unchanged(api, before, {"cup": 2, "plate": 3})


def test_a_product_that_the_inventory_does_not_know_refuses_it(api, place_order):
    before = place_order(cup=2)

    response = ask(api, before["id"], "amend", items=[{"product_id": "fork", "quantity": 1}])

    assert assert_refused(response, 422, "unknown_product")["products"] == [{"product_id": "fork"}]
    assert_unchanged(api, before, {"cup": 2})


def test_more_stock_is_refused_while_the_inventory_is_down(api, place_order, settings):
    before = place_order(cup=2)
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    response = ask(api, before["id"], "amend", items=[{"item_id": item_ids(before)["cup"], "quantity": 5}])

    assert_refused(response, 503, "inventory_unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    settings.INVENTORY_URL = ""
    assert read(api, before["id"]) == before
    assert held_lines() == reserved() == {"cup": 2}
    assert event_count() == 1
    assert operations.settle_orders() == (1, 0)
    assert_unchanged(api, before, {"cup": 2})


@pytest.mark.parametrize("confirmed", [False, True])
def test_stock_that_was_held_without_an_answer_is_given_back(api, place_order, remote, confirmed):
    order_id = place_order(cup=2)["id"]
    if confirmed:
        done(api, order_id, "confirm")
    before = read(api, order_id)
    remote.application.add(*[Fault(FaultKind.EFFECT_THEN_500, method="PUT")] * 8)

    response = ask(api, order_id, "amend", items=[{"item_id": item_ids(before)["cup"], "quantity": 5}])

    assert_refused(response, 503, "inventory_outcome_unknown")
    remote.application.clear()
    operations.settle_orders()
    assert_unchanged(api, before, {"cup": 2})
    assert Reservation.objects.get().state == ("confirmed" if confirmed else "held")


def test_fewer_units_need_no_inventory_and_are_given_back_later(api, place_order, settings):
    placed = place_order(cup=5)
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    order = done(api, placed["id"], "amend", items=[{"item_id": item_ids(placed)["cup"], "quantity": 1}])

    assert counts(order, "quantity") == {"cup": 1}
    assert reserved() == {"cup": 5}
    settings.INVENTORY_URL = ""
    assert operations.settle_orders() == (1, 0)
    assert held_lines() == reserved() == {"cup": 1}


def test_an_imported_order_takes_no_more_units_but_fewer(api, place_order):
    placed = place_order(cup=2)
    Order.objects.update(reservation_id=None)
    cup = item_ids(placed)["cup"]

    refused = ask(api, placed["id"], "amend", items=[{"item_id": cup, "quantity": 3}])
    order = done(api, placed["id"], "amend", items=[{"item_id": cup, "quantity": 1}])

    assert_refused(refused, 409, "no_stock_held")
    assert (order["version"], counts(order, "quantity")) == (2, {"cup": 1})


def test_a_refused_amendment_succeeds_with_the_same_key_once_there_is_stock(api, place_order, stock):
    placed = place_order(cup=2)
    stock(cup=4)
    items = [{"item_id": item_ids(placed)["cup"], "quantity": 5}]
    headers = {"Idempotency-Key": "key-1"}
    refused = ask(api, placed["id"], "amend", headers, items=items)
    stock(cup=5)

    response = ask(api, placed["id"], "amend", headers, items=items)

    assert_refused(refused, 409, "out_of_stock")
    assert response.status_code == 200
    assert "Idempotent-Replayed" not in response.headers
    assert reserved() == {"cup": 5}


# --- money -------------------------------------------------------------------------------------------


def test_the_difference_in_money_shows_in_the_order_and_in_its_event(api, storefront):
    placed = sell(api)

    order = done(api, placed["id"], "amend", items=[{"item_id": item_ids(placed)["cup"], "quantity": 4}])

    assert (order["items_amount"], order["total_amount"], order["balance_amount"]) == (4500, 5000, 5000)
    changes = last_event(placed["id"]).data["changes"]
    assert {name: changes[name] for name in changes if name != "items"} == {
        "items_amount": [2500, 4500],
        "total_amount": [3000, 5000],
        "due_amount": [3000, 5000],
        "balance_amount": [3000, 5000],
    }


def test_amounts_that_are_given_replace_the_ones_that_stood_there(api, storefront):
    placed = sell(api)
    cup = item_ids(placed)["cup"]

    order = done(
        api,
        placed["id"],
        "amend",
        items=[
            {"item_id": cup, "quantity": 1, "unit_amount": 900, "name": "Cup, second choice"},
            {"product_id": "cup", "quantity": 1, "unit_amount": 1000},
        ],
        items_amount=2400,
        shipping_amount=0,
        tax_amount=240,
        discount_amount=40,
        total_amount=2600,
    )

    assert [(item["unit_amount"], item["quantity"], item["name"]) for item in order["items"]] == [
        (900, 1, "Cup, second choice"),
        (500, 1, None),
        (1000, 1, None),
    ]
    amounts = ("items_amount", "shipping_amount", "tax_amount", "discount_amount", "total_amount", "balance_amount")
    assert [order[name] for name in amounts] == [2400, 0, 240, 40, 2600, 2600]


def test_a_new_price_of_a_unit_takes_the_place_of_the_amount_and_the_discount_goes_with_the_units(api, storefront):
    placed = sell(api, {"product_id": "cup", "quantity": 2, "amount": 1000, "discount_amount": 100})

    order = done(
        api, placed["id"], "amend", items=[{"item_id": item_ids(placed)["cup"], "quantity": 1, "unit_amount": 700}]
    )

    (item,) = order["items"]
    assert (item["unit_amount"], item["amount"], item["discount_amount"]) == (700, 700, 50)
    assert (order["items_amount"], order["discount_amount"], order["total_amount"]) == (700, 50, 650)


@pytest.mark.parametrize(
    ("sums", "field", "expected", "got"),
    [
        ({"total_amount": 5001}, "total_amount", 5000, 5001),
        ({"items_amount": 4499}, "items_amount", 4500, 4499),
        ({"shipping_amount": 0, "total_amount": 5000}, "total_amount", 4500, 5000),
    ],
)
def test_sums_that_do_not_add_up_refuse_it(api, storefront, sums, field, expected, got):
    before = sell(api)

    response = ask(api, before["id"], "amend", items=[{"item_id": item_ids(before)["cup"], "quantity": 4}], **sums)

    problem = assert_refused(response, 422, "totals_mismatch")
    assert (problem["expected"], problem["got"], problem["difference"]) == (expected, got, got - expected)
    assert problem["errors"][0]["pointer"] == f"/{field}"
    assert_unchanged(api, before, {"cup": 2, "plate": 1})


@pytest.mark.parametrize(
    ("asked", "pointer", "code"),
    [
        ({"items": [{"product_id": "cup", "quantity": 1}]}, "/items", "required"),
        ({"items": [{"product_id": "cup", "quantity": 1, "unit_amount": MAX}]}, "/items_amount", "out_of_range"),
        (
            {"items": [{"product_id": "cup", "quantity": 1_000_000, "unit_amount": MAX}] * 400},
            "/items_amount",
            "out_of_range",
        ),
        (
            {"items": [{"product_id": "cup", "quantity": 1, "unit_amount": 1}], "tax_amount": MAX},
            "/total_amount",
            "out_of_range",
        ),
        (
            {"items": [{"product_id": "cup", "quantity": 1, "unit_amount": 1}], "discount_amount": 3002},
            "/total_amount",
            "out_of_range",
        ),
    ],
)
def test_money_that_cannot_be_refuses_it(api, storefront, asked, pointer, code):
    before = sell(api)

    response = ask(api, before["id"], "amend", **asked)

    problem = assert_refused(response, 400, "validation_error")
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (pointer, code)
    assert_unchanged(api, before, {"cup": 2, "plate": 1})


def test_an_order_without_prices_takes_them_for_all_items_or_for_none(api, place_order):
    before = place_order(cup=2, plate=1)
    cup, plate = (item_ids(before)[name] for name in ("cup", "plate"))

    refused = ask(api, before["id"], "amend", items=[{"item_id": cup, "quantity": 2, "unit_amount": 100}])
    order = done(
        api,
        before["id"],
        "amend",
        items=[
            {"item_id": cup, "quantity": 2, "unit_amount": 100},
            {"item_id": plate, "quantity": 1, "unit_amount": 50},
        ],
        total_amount=250,
    )

    assert assert_refused(refused, 400, "validation_error")["errors"][0]["code"] == "required"
    assert (order["items_amount"], order["total_amount"], order["currency"]) == (250, 250, "AUD")


def test_a_sum_does_not_outlive_the_prices_it_was_made_of(api, storefront, stock):
    before = sell(api)
    stock(bowl=5)
    ids = item_ids(before)
    items = [
        {"item_id": ids["cup"], "quantity": 0},
        {"item_id": ids["plate"], "quantity": 0},
        {"product_id": "bowl", "quantity": 1},
    ]

    refused = ask(api, before["id"], "amend", items=items)
    unchanged = read(api, before["id"])
    order = done(api, before["id"], "amend", items=items, items_amount=800)

    problem = assert_refused(refused, 400, "validation_error")
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == ("/items_amount", "required")
    assert unchanged == before
    assert (order["items_amount"], order["total_amount"]) == (800, 1300)


def test_amounts_need_a_currency(api, storefront, place_order):
    Storefront.objects.update(currency="")
    before = place_order(cup=2)
    cup = item_ids(before)["cup"]

    response = ask(api, before["id"], "amend", items=[{"item_id": cup, "quantity": 2, "unit_amount": 100}])

    problem = assert_refused(response, 400, "validation_error")
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == ("/currency", "required")
    assert_unchanged(api, before, {"cup": 2})


def test_what_was_paid_is_compared_with_the_new_amount(api, storefront):
    placed = sell(api)
    done(api, placed["id"], "record_payment", kind="capture", amount=3000, psp_reference="pi_1")
    cup = item_ids(placed)["cup"]

    more = done(api, placed["id"], "amend", items=[{"item_id": cup, "quantity": 3}])
    less = done(api, placed["id"], "amend", items=[{"item_id": cup, "quantity": 1}])

    assert (more["payment_status"], more["balance_amount"]) == ("partially_paid", 1000)
    assert (less["payment_status"], less["balance_amount"]) == ("overpaid", -1000)


def test_an_order_that_is_paid_by_becoming_cheaper_is_confirmed_where_the_storefront_wants_that(api, storefront):
    Storefront.objects.update(confirmation_policy="on_payment")
    placed = sell(api)
    partly = done(api, placed["id"], "record_payment", kind="capture", amount=2000, psp_reference="pi_1")

    order = done(api, placed["id"], "amend", items=[{"item_id": item_ids(placed)["cup"], "quantity": 1}])

    assert (partly["status"], order["status"], order["payment_status"]) == ("pending", "confirmed", "paid")
    assert (Reservation.objects.get().state, reserved()) == ("confirmed", {"cup": 1, "plate": 1})


# --- what cannot be amended --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("earlier", "status"),
    [(["confirm", "ship"], "shipped"), (["confirm", "ship", "complete"], "completed"), (["cancel"], "canceled")],
)
def test_only_what_has_not_been_shipped_as_a_whole_can_be_amended(api, place_order, earlier, status):
    order_id = place_order(cup=2)["id"]
    for name in earlier:
        perform(name, order_id)

    response = ask(api, order_id, "amend", items=[{"product_id": "cup", "quantity": 1}])

    problem = assert_refused(response, 409, "details_locked")
    assert (problem["field"], problem["current"], problem["allowed"]) == ("items", status, ["pending", "confirmed"])
    assert read(api, order_id)["version"] == 1 + len(earlier)


@pytest.mark.parametrize(
    "quantities",
    [{"cup": 0, "plate": 0}, {"cup": 2, "plate": 0}],
)
def test_an_item_with_open_units_has_to_be_left(api, place_order, quantities):
    placed = place_order(cup=3, plate=1)
    ids = item_ids(placed)
    before = done(api, placed["id"], "cancel", items=[{"item_id": ids["cup"], "quantity": 2}])

    response = ask(
        api,
        placed["id"],
        "amend",
        items=[{"item_id": ids[product], "quantity": quantity} for product, quantity in quantities.items()],
    )

    assert_refused(response, 409, "no_items_left")
    assert_unchanged(api, before, {"cup": 1, "plate": 1})


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ([{"quantity": 1}], "/items/0/product_id", "required"),
        ([{"product_id": "cup", "quantity": 0}], "/items/0/quantity", "out_of_range"),
        ([{"item": "cup", "quantity": 4}, {"item": "cup", "quantity": 5}], "/items/1/item_id", "not_unique"),
        ([{"item": "cup", "product_id": "plate", "quantity": 1}], "/items/0/product_id", "not_changeable"),
        ([{"item": "cup", "quantity": 1}], "/items/0/quantity", "out_of_range"),  # two are canceled
    ],
)
def test_what_makes_no_sense_is_refused_with_where_it_stands(api, place_order, changes, pointer, code):
    placed = place_order(cup=5, plate=1)
    ids = item_ids(placed)
    before = done(api, placed["id"], "cancel", items=[{"item_id": ids["cup"], "quantity": 2}])
    items = [
        {"item_id" if key == "item" else key: ids[value] if key == "item" else value for key, value in change.items()}
        for change in changes
    ]

    response = ask(api, placed["id"], "amend", items=items)

    problem = assert_refused(response, 400, "validation_error")
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (pointer, code)
    assert_unchanged(api, before, {"cup": 3, "plate": 1})


def test_an_item_of_another_order_is_unknown(api, place_order):
    other = place_order(cup=1)
    before = place_order(cup=2)

    response = ask(api, before["id"], "amend", items=[{"item_id": other["items"][0]["id"], "quantity": 1}])

    problem = assert_refused(response, 422, "unknown_part")
    assert problem["errors"][0]["code"] == "unknown_part"
    assert (read(api, before["id"]), read(api, other["id"])) == (before, other)
    assert reserved() == {"cup": 3}


def test_an_order_does_not_take_items_without_end(api, place_order):
    before = place_order(cup=1)
    OrderItem.objects.update(position=32_767)  # as after many rounds of adding and removing

    response = ask(api, before["id"], "amend", items=[{"product_id": "cup", "quantity": 1}])

    problem = assert_refused(response, 409, "limit_reached")
    assert (problem["part"], problem["limit"]) == ("items", 32_768)
    assert_unchanged(api, before, {"cup": 1})


def test_an_order_takes_no_more_items_than_one_that_is_placed(api, place_order, stock):
    before = place_order(cup=1)
    stock(cup=10**10)

    response = ask(api, before["id"], "amend", items=[{"product_id": "cup", "quantity": 1_000_000}] * 500)

    problem = assert_refused(response, 409, "limit_reached")
    assert (problem["part"], problem["limit"]) == ("items", 500)
    assert_unchanged(api, before, {"cup": 1})
