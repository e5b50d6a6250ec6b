"""Parcels: packed, handed over, tracked; an order may leave in several of them."""

from __future__ import annotations

import pytest

from orders.models import Order, ShipmentItem
from tests.base import perform
from tests.orders.asking import ask, counts, done, event_count, item_ids, last_event, on_shelf, read, sell
from tests.orders.refusals import assert_refused


@pytest.fixture
def confirmed(api, place_order):
    """A confirmed order: 3 cups and a plate."""
    placed = place_order(cup=3, plate=1)
    return done(api, placed["id"], "confirm")


def contents(order):
    """Of each parcel: units by product."""
    products = {item["id"]: item["product_id"] for item in order["items"]}
    return [
        {products[units["item_id"]]: units["quantity"] for units in parcel["items"]} for parcel in order["shipments"]
    ]


# --- handed over -------------------------------------------------------------------------------------


def test_an_order_is_shipped_with_the_last_of_its_units(api, confirmed):
    order_id, ids = confirmed["id"], item_ids(confirmed)

    first = done(api, order_id, "ship", items=[{"item_id": ids["cup"], "quantity": 1}])
    second = done(
        api,
        order_id,
        "ship",
        items=[{"item_id": ids["plate"], "quantity": 1}, {"item_id": ids["cup"], "quantity": 1}],
    )
    last = done(api, order_id, "ship")

    assert [(order["status"], order["fulfillment_status"]) for order in (first, second, last)] == [
        ("confirmed", "partial"),
        ("confirmed", "partial"),
        ("shipped", "fulfilled"),
    ]
    assert contents(last) == [{"cup": 1}, {"plate": 1, "cup": 1}, {"cup": 1}]
    assert [counts(order, "shipped") for order in (first, second, last)] == [
        {"cup": 1, "plate": 0},
        {"cup": 2, "plate": 1},
        {"cup": 3, "plate": 1},
    ]
    assert last == read(api, order_id)
    assert last["version"] == 5
    assert on_shelf() == {"cup": (997, 0), "plate": (999, 0)}


def test_without_items_all_open_units_leave_in_one_parcel(api, confirmed):
    response = ask(api, confirmed["id"], "ship", reason="van 4")

    order = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, '"3"')
    assert contents(order) == [{"cup": 3, "plate": 1}]
    (parcel,) = order["shipments"]
    assert parcel.keys() == {
        "id",
        "items",
        "tracking_company",
        "tracking_number",
        "tracking_link",
        "packed_at",
        "shipped_at",
        "delivered_at",
    }
    assert confirmed["updated_at"] < parcel["shipped_at"] <= order["updated_at"]
    assert (parcel["packed_at"], parcel["delivered_at"], parcel["tracking_link"]) == (None, None, None)


def test_the_event_tells_what_has_left(api, confirmed):
    ids = item_ids(confirmed)

    order = done(api, confirmed["id"], "ship", items=[{"item_id": ids["cup"], "quantity": 2}], reason="van 4")

    event = last_event(confirmed["id"])
    assert (event.sequence, event.type, event.data["operation"], event.told_reason) == (
        3,
        "order.updated",
        "ship",
        "van 4",
    )
    assert event.data["changes"] == {
        "fulfillment_status": ["unfulfilled", "partial"],
        "items": [[{"id": ids["cup"], "shipped": 0}], [{"id": ids["cup"], "shipped": 2}]],
        "shipments": [[], order["shipments"]],
    }


def test_units_of_one_item_may_be_named_twice(api, confirmed):
    units = {"item_id": item_ids(confirmed)["cup"], "quantity": 1}

    order = done(api, confirmed["id"], "ship", items=[units, units])

    assert contents(order) == [{"cup": 2}]


def test_times_are_told_in_utc(api, confirmed):
    Order.objects.update(placed_at="2026-01-31T00:00:00Z")
    order = done(
        api,
        confirmed["id"],
        "ship",
        packed_at="2026-02-28T23:30:00+10:00",
        shipped_at="2026-03-01T08:00:00.123456+10:00",
    )

    (parcel,) = order["shipments"]
    assert (parcel["packed_at"], parcel["shipped_at"]) == ("2026-02-28T13:30:00.000000Z", "2026-02-28T22:00:00.123456Z")


def test_more_units_than_are_open_refuse_all(api, confirmed):
    ids = item_ids(confirmed)
    before = done(api, confirmed["id"], "ship", items=[{"item_id": ids["cup"], "quantity": 1}])

    response = ask(
        api,
        confirmed["id"],
        "ship",
        items=[{"item_id": ids["cup"], "quantity": 3}, {"item_id": ids["plate"], "quantity": 2}],
    )

    assert assert_refused(response, 409, "quantity_exceeded")["items"] == [
        {"item_id": ids["cup"], "product_id": "cup", "requested": 3, "available": 2},
        {"item_id": ids["plate"], "product_id": "plate", "requested": 2, "available": 1},
    ]
    assert read(api, confirmed["id"]) == before
    assert event_count() == 3


def test_units_named_twice_are_counted_together(api, confirmed):
    units = {"item_id": item_ids(confirmed)["cup"], "quantity": 2}

    response = ask(api, confirmed["id"], "ship", items=[units, units])

    (line,) = assert_refused(response, 409, "quantity_exceeded")["items"]
    assert (line["requested"], line["available"]) == (4, 3)
    assert read(api, confirmed["id"]) == confirmed


@pytest.mark.parametrize(
    ("earlier", "current", "allowed"),
    [
        ([], "pending", ["canceled", "confirmed"]),
        (["confirm", "ship"], "shipped", ["completed"]),
        (["cancel"], "canceled", []),
    ],
)
def test_only_a_confirmed_order_is_shipped(api, place_order, earlier, current, allowed):
    order_id = place_order(cup=1)["id"]
    for name in earlier:
        perform(name, order_id)
    before = read(api, order_id)

    response = ask(api, order_id, "ship")

    problem = assert_refused(response, 409, "invalid_transition")
    assert (problem["current"], problem["wanted"], problem["allowed"]) == (current, "shipped", allowed)
    assert read(api, order_id) == before


def test_items_and_parcels_of_another_order_are_unknown(api, confirmed, place_order):
    other = place_order(cup=1)
    perform("confirm", other["id"])
    other = done(api, other["id"], "ship")

    for asked in (
        {"items": [{"item_id": other["items"][0]["id"], "quantity": 1}]},
        {"shipment_id": other["shipments"][0]["id"]},
    ):
        for operation in ("pack", "ship"):
            assert_refused(ask(api, confirmed["id"], operation, **asked), 422, "unknown_part")
    assert_refused(
        ask(api, confirmed["id"], "track", shipment_id=other["shipments"][0]["id"], tracking_number="1"),
        422,
        "unknown_part",
    )
    assert (read(api, confirmed["id"]), read(api, other["id"])) == (confirmed, other)


# --- packed ------------------------------------------------------------------------------------------


def test_a_packed_parcel_claims_no_units_until_it_is_shipped(api, place_order):
    placed = place_order(cup=3, plate=1)
    ids = item_ids(placed)

    packed = done(api, placed["id"], "pack", items=[{"item_id": ids["cup"], "quantity": 2}], tracking_number="1Z")
    done(api, placed["id"], "confirm")
    (parcel,) = packed["shipments"]
    shipped = done(api, placed["id"], "ship", shipment_id=parcel["id"])

    assert (packed["status"], packed["fulfillment_status"]) == ("pending", "unfulfilled")
    assert counts(packed, "shipped") == {"cup": 0, "plate": 0}
    assert (contents(packed), parcel["shipped_at"]) == ([{"cup": 2}], None)
    assert placed["placed_at"] < parcel["packed_at"] <= packed["updated_at"]
    assert (shipped["status"], shipped["fulfillment_status"]) == ("confirmed", "partial")
    assert counts(shipped, "shipped") == {"cup": 2, "plate": 0}
    (sent,) = shipped["shipments"]
    assert sent == {**parcel, "shipped_at": sent["shipped_at"]}
    assert packed["updated_at"] < sent["shipped_at"] <= shipped["updated_at"]


def test_a_parcel_is_packed_anew_by_its_id(api, confirmed):
    ids = item_ids(confirmed)
    first = done(api, confirmed["id"], "pack", items=[{"item_id": ids["cup"], "quantity": 3}])

    again = done(
        api,
        confirmed["id"],
        "pack",
        shipment_id=first["shipments"][0]["id"],
        items=[{"item_id": ids["cup"], "quantity": 1}, {"item_id": ids["plate"], "quantity": 1}],
        packed_at="2026-01-02T03:04:05Z",
    )

    assert contents(again) == [{"cup": 1, "plate": 1}]
    assert [parcel["id"] for parcel in again["shipments"]] == [first["shipments"][0]["id"]]
    assert again["shipments"][0]["packed_at"] == "2026-01-02T03:04:05.000000Z"


def test_what_is_packed_elsewhere_cannot_be_packed_again(api, confirmed):
    ids = item_ids(confirmed)
    done(api, confirmed["id"], "pack", items=[{"item_id": ids["cup"], "quantity": 2}])

    refused = ask(api, confirmed["id"], "pack", items=[{"item_id": ids["cup"], "quantity": 2}])
    rest = done(api, confirmed["id"], "pack")
    nothing = ask(api, confirmed["id"], "pack")

    (line,) = assert_refused(refused, 409, "quantity_exceeded")["items"]
    assert (line["requested"], line["available"]) == (2, 1)
    assert contents(rest) == [{"cup": 2}, {"cup": 1, "plate": 1}]
    assert_refused(nothing, 409, "nothing_left")
    assert read(api, confirmed["id"]) == rest


def test_other_units_than_were_packed_may_leave_in_the_parcel(api, confirmed):
    ids = item_ids(confirmed)
    packed = done(api, confirmed["id"], "pack")

    order = done(
        api,
        confirmed["id"],
        "ship",
        shipment_id=packed["shipments"][0]["id"],
        items=[{"item_id": ids["cup"], "quantity": 1}],
    )

    assert contents(order) == [{"cup": 1}]
    assert counts(order, "shipped") == {"cup": 1, "plate": 0}


def test_packed_parcels_of_which_nothing_can_leave_any_more_are_gone(api, confirmed):
    ids = item_ids(confirmed)
    done(api, confirmed["id"], "pack", items=[{"item_id": ids["cup"], "quantity": 2}])
    everything = [{"item_id": ids["cup"], "quantity": 3}, {"item_id": ids["plate"], "quantity": 1}]

    order = done(api, confirmed["id"], "ship", items=everything)

    assert contents(order) == [{"cup": 3, "plate": 1}]
    assert order["status"] == "shipped"


def test_a_packed_parcel_whose_units_are_canceled_is_not_shipped_as_it_is(api, confirmed):
    ids = item_ids(confirmed)
    packed = done(api, confirmed["id"], "pack", items=[{"item_id": ids["cup"], "quantity": 3}])
    done(api, confirmed["id"], "cancel", items=[{"item_id": ids["cup"], "quantity": 2}])

    response = ask(api, confirmed["id"], "ship", shipment_id=packed["shipments"][0]["id"])

    (line,) = assert_refused(response, 409, "quantity_exceeded")["items"]
    assert (line["requested"], line["available"]) == (3, 1)
    assert counts(read(api, confirmed["id"]), "shipped") == {"cup": 0, "plate": 0}


@pytest.mark.parametrize("operation", ["pack", "ship"])
def test_a_parcel_leaves_once(api, confirmed, operation):
    ids = item_ids(confirmed)
    before = done(api, confirmed["id"], "ship", items=[{"item_id": ids["cup"], "quantity": 1}])

    response = ask(api, confirmed["id"], operation, shipment_id=before["shipments"][0]["id"])

    problem = assert_refused(response, 409, "wrong_state")
    assert (problem["current"], problem["allowed"]) == ("shipped", ["being prepared"])
    assert read(api, confirmed["id"]) == before


@pytest.mark.parametrize(("earlier", "status"), [(["confirm", "ship"], "shipped"), (["cancel"], "canceled")])
def test_what_has_left_or_ended_is_not_packed(api, place_order, earlier, status):
    order_id = place_order(cup=1)["id"]
    for name in earlier:
        perform(name, order_id)

    problem = assert_refused(ask(api, order_id, "pack"), 409, "not_allowed_in_status")

    assert (problem["operation"], problem["current"]) == ("pack", status)
    assert problem["allowed"] == ["pending", "confirmed"]


# --- tracked -----------------------------------------------------------------------------------------


def test_tracking_announced_before_anything_is_packed_goes_with_the_parcel(api, place_order):
    order_id = place_order(cup=1)["id"]

    announced = done(api, order_id, "track", tracking_company="Van & Sons", tracking_number="17")
    done(api, order_id, "confirm")
    shipped = done(api, order_id, "ship")

    (parcel,) = announced["shipments"]
    assert (parcel["tracking_company"], parcel["tracking_number"], parcel["items"]) == ("Van & Sons", "17", [])
    assert [sent["id"] for sent in shipped["shipments"]] == [parcel["id"]]
    assert contents(shipped) == [{"cup": 1}]
    assert shipped["shipments"][0]["tracking_number"] == "17"


def test_tracking_is_corrected_until_the_parcel_is_delivered(api, confirmed):
    order_id = confirmed["id"]
    first = done(api, order_id, "ship", tracking_company="Van & Sons", tracking_number="17")

    corrected = done(api, order_id, "track", tracking_number="18")
    delivered = done(api, order_id, "deliver")
    refused = ask(api, order_id, "track", tracking_number="19")

    (before,), (after,) = first["shipments"], corrected["shipments"]
    assert after == {**before, "tracking_number": "18"}
    assert last_event(order_id).data["operation"] == "deliver"
    assert_refused(refused, 409, "nothing_left")
    assert read(api, order_id) == delivered


def test_without_an_id_the_latest_parcel_on_its_way_is_meant(api, confirmed):
    order_id, ids = confirmed["id"], item_ids(confirmed)
    for _ in range(3):
        order = done(api, order_id, "ship", items=[{"item_id": ids["cup"], "quantity": 1}])
    done(api, order_id, "deliver", shipment_id=order["shipments"][2]["id"])

    order = done(api, order_id, "track", tracking_number="18")

    assert [parcel["tracking_number"] for parcel in order["shipments"]] == [None, "18", None]


def test_a_delivered_parcel_keeps_its_tracking_although_another_is_on_its_way(api, confirmed):
    order_id, ids = confirmed["id"], item_ids(confirmed)
    order = done(api, order_id, "ship", items=[{"item_id": ids["cup"], "quantity": 1}])
    done(api, order_id, "ship")
    first = order["shipments"][0]["id"]
    before = done(api, order_id, "deliver", shipment_id=first)

    response = ask(api, order_id, "track", shipment_id=first, tracking_number="18")

    problem = assert_refused(response, 409, "wrong_state")
    assert (problem["current"], problem["allowed"]) == ("delivered", ["on its way"])
    assert read(api, order_id) == before


def test_what_is_told_already_is_no_version_and_no_event(api, confirmed):
    order_id = confirmed["id"]
    before = done(api, order_id, "ship", tracking_company="Van & Sons", tracking_number="17")

    same = ask(api, order_id, "track", tracking_company="Van & Sons", tracking_number="17")
    nothing = ask(api, order_id, "track")

    assert (same.json(), nothing.json()) == (before, before)
    assert same.headers["ETag"] == nothing.headers["ETag"] == '"3"'
    assert event_count() == 3


def test_nothing_told_makes_no_parcel(api, place_order):
    placed = place_order(cup=1)

    order = done(api, placed["id"], "track", tracking_company=None)

    assert order == placed


@pytest.mark.parametrize(
    ("earlier", "status"), [(["confirm", "ship", "complete"], "completed"), (["cancel"], "canceled")]
)
def test_the_tracking_of_an_order_that_has_ended_stays(api, place_order, earlier, status):
    order_id = place_order(cup=1)["id"]
    for name in earlier:
        perform(name, order_id)

    problem = assert_refused(ask(api, order_id, "track", tracking_number="1"), 409, "details_locked")

    assert (problem["field"], problem["current"]) == ("tracking", status)
    assert problem["allowed"] == ["pending", "confirmed", "shipped"]
    assert Order.objects.get().version == 1 + len(earlier)


def test_the_units_of_a_parcel_keep_their_order_wherever_their_rows_lie(api, confirmed):
    plate_first = [{"item_id": item_ids(confirmed)[product_id], "quantity": 1} for product_id in ("plate", "cup")]
    (packed,) = done(api, confirmed["id"], "pack", items=plate_first)["shipments"]
    first = ShipmentItem.objects.earliest("pk")
    ShipmentItem.objects.filter(pk=first.pk).delete()
    first.save(force_insert=True)  # behind the other

    (shipped,) = done(api, confirmed["id"], "ship", shipment_id=packed["id"])["shipments"]

    assert packed["items"] == plate_first
    assert shipped["items"] == plate_first


# --- what was packed leaves as it was packed ----------------------------------------------------------


def test_shipping_the_rest_ships_packed_parcels_as_packed_and_the_rest_in_one_more(api, storefront):
    order = sell(api)
    done(api, order["id"], "confirm")
    ids = item_ids(order)
    packed = done(
        api,
        order["id"],
        "pack",
        items=[{"item_id": ids["cup"], "quantity": 1}],
        tracking_company="DHL",
        tracking_number="JD1",
    )["shipments"][0]

    shipped = done(api, order["id"], "ship", tracking_number="JD2")

    assert [(parcel["id"] == packed["id"], parcel["tracking_number"]) for parcel in shipped["shipments"]] == [
        (True, "JD1"),
        (False, "JD2"),
    ]
    assert [parcel["items"] for parcel in shipped["shipments"]] == [
        [{"item_id": ids["cup"], "quantity": 1}],
        [{"item_id": ids["cup"], "quantity": 1}, {"item_id": ids["plate"], "quantity": 1}],
    ]
    assert (shipped["status"], counts(shipped, "shipped")) == ("shipped", {"cup": 2, "plate": 1})


def test_the_only_packed_parcel_takes_the_number_it_is_shipped_with(api, storefront):
    order_id = sell(api)["id"]
    done(api, order_id, "confirm")
    done(api, order_id, "pack", tracking_company="DHL")

    (parcel,) = done(api, order_id, "ship", tracking_number="JD1")["shipments"]

    assert (parcel["tracking_company"], parcel["tracking_number"]) == ("DHL", "JD1")


def test_one_number_for_several_packed_parcels_is_refused(api, storefront):
    order = sell(api)
    done(api, order["id"], "confirm")
    for product, quantity in (("cup", 2), ("plate", 1)):
        done(api, order["id"], "pack", items=[{"item_id": item_ids(order)[product], "quantity": quantity}])
    before = read(api, order["id"])

    assert_refused(ask(api, order["id"], "ship", tracking_number="JD1"), 422, "ambiguous")

    assert read(api, order["id"]) == before
    assert len(done(api, order["id"], "ship")["shipments"]) == 2


def test_what_was_canceled_of_a_packed_parcel_does_not_leave_with_it(api, storefront):
    order = sell(api)
    done(api, order["id"], "confirm")
    done(api, order["id"], "pack")
    done(api, order["id"], "cancel", items=[{"item_id": item_ids(order)["cup"], "quantity": 1}])

    shipped = done(api, order["id"], "ship")

    assert counts(shipped, "shipped") == {"cup": 1, "plate": 1}
    assert [line["quantity"] for line in shipped["shipments"][0]["items"]] == [1, 1]
