"""An order is held up: what its holds block is refused until they are released."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from orders import operations
from orders.models import Order
from tests.base import perform
from tests.orders.asking import ask, done, event_count, last_event, on_shelf, read, reserved
from tests.orders.refusals import assert_refused

BLOCKED = {
    "fraud": ["amend", "confirm", "expire", "pack", "ship"],
    "address": ["expire", "pack", "ship"],
    "payment_review": ["confirm", "expire", "ship"],
    "manual": ["amend", "complete", "confirm", "expire", "pack", "ship"],
}
# What an order goes through before each of them is possible, and what is asked for.
HOLDABLE = {
    "confirm": ([], {}),
    "amend": ([], {"items": [{"product_id": "cup", "quantity": 1}]}),
    "pack": ([], {}),
    "ship": (["confirm"], {}),
    "complete": (["confirm", "ship"], {}),
    "cancel": ([], {}),
}


def test_a_hold_stands_in_the_order_with_who_and_what(api, place_order):
    placed = place_order(cup=1)

    response = ask(api, placed["id"], "hold", kind="fraud", reason="three cards")

    order = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
    assert order == read(api, placed["id"])
    (hold,) = order["holds"]
    assert hold == {
        "id": hold["id"],
        "kind": "fraud",
        "blocks": ["amend", "confirm", "expire", "pack", "ship"],
        "placed_by": hold["placed_by"],
        "placed_at": hold["placed_at"],
    }
    assert hold["placed_by"].startswith("key:")
    assert {name for name in order if order[name] != placed[name]} == {"holds", "version", "updated_at"}
    event = last_event(placed["id"])
    assert (event.data["operation"], event.told_reason) == ("hold", "three cards")
    assert event.data["changes"] == {"holds": [[], [hold]]}


@pytest.mark.parametrize("kind", BLOCKED)
@pytest.mark.parametrize("operation", HOLDABLE)
def test_each_kind_blocks_what_it_should(api, place_order, kind, operation):
    order_id = place_order(cup=2)["id"]
    earlier, asked = HOLDABLE[operation]
    for name in earlier:
        perform(name, order_id)
    before = done(api, order_id, "hold", kind=kind)

    response = ask(api, order_id, operation, **asked)

    assert before["holds"][0]["blocks"] == BLOCKED[kind]
    if operation in BLOCKED[kind]:
        problem = assert_refused(response, 409, "order_on_hold")
        assert problem["operation"] == operation
        assert problem["holds"] == [{"id": before["holds"][0]["id"], "kind": kind}]
        assert before["holds"][0]["placed_by"] in problem["detail"]
        assert read(api, order_id) == before
        assert on_shelf() == {"cup": (998, 0) if "ship" in earlier else (1000, 2)}
    else:
        assert (response.status_code, response.json()["version"]) == (200, before["version"] + 1)


@pytest.mark.parametrize("kind", BLOCKED)
def test_a_held_up_order_does_not_expire_until_it_is_released(api, place_order, kind):
    order_id = place_order(cup=1)["id"]
    done(api, order_id, "hold", kind=kind)
    now = timezone.now()
    Order.objects.update(reserved_until=now - timedelta(seconds=1))

    assert operations.expire_orders(now=now) == 0
    assert reserved() == {"cup": 1}

    done(api, order_id, "release_hold")
    assert operations.expire_orders(now=now) == 1
    assert reserved() == {}


def test_a_hold_that_does_not_block_expiry_does_not_stop_the_clock(api, place_order):
    order_id = place_order(cup=1)["id"]
    done(api, order_id, "hold", kind="manual", blocks=["confirm"])
    now = timezone.now()
    Order.objects.update(reserved_until=now - timedelta(seconds=1))

    assert operations.expire_orders(now=now) == 1


def test_what_a_hold_blocks_can_be_chosen(api, place_order):
    order_id = place_order(cup=1)["id"]

    order = done(api, order_id, "hold", kind="manual", blocks=["cancel", "expire", "cancel"])

    assert order["holds"][0]["blocks"] == ["cancel", "expire"]
    assert_refused(ask(api, order_id, "cancel"), 409, "order_on_hold")
    assert done(api, order_id, "confirm")["status"] == "confirmed"


def test_a_hold_that_cannot_be_is_refused(api, place_order):
    before = place_order(cup=1)

    for asked, pointer in (
        ({"kind": "manual", "blocks": ["record_payment"]}, "/blocks"),
        ({"kind": "manual", "blocks": ["confirm", "restore"]}, "/blocks"),
        ({"kind": "manual", "blocks": ["fly"]}, "/blocks/0"),
        ({"kind": "manual", "blocks": []}, "/blocks"),
        ({"kind": "manual", "blocks": "confirm"}, "/blocks"),
        ({"kind": "suspicion"}, "/kind"),
        ({"kind": None}, "/kind"),
        ({}, "/kind"),
    ):
        problem = assert_refused(ask(api, before["id"], "hold", **asked), 400, "validation_error")

        assert (problem["errors"][0]["pointer"], asked) == (pointer, asked)
    assert read(api, before["id"]) == before
    assert event_count() == 1


def test_an_order_goes_on_once_its_hold_is_released(api, place_order):
    order_id = place_order(cup=1)["id"]
    held = done(api, order_id, "hold", kind="fraud")

    order = done(api, order_id, "release_hold", reason="all clear")

    assert order["holds"] == []
    event = last_event(order_id)
    assert (event.data["operation"], event.told_reason) == ("release_hold", "all clear")
    assert event.data["changes"] == {"holds": [held["holds"], []]}
    assert done(api, order_id, "confirm")["status"] == "confirmed"


def test_all_holds_that_block_are_named_and_each_is_released_on_its_own(api, place_order):
    order_id = place_order(cup=1)["id"]
    done(api, order_id, "hold", kind="fraud")
    done(api, order_id, "hold", kind="address")
    ids = [hold["id"] for hold in done(api, order_id, "hold", kind="payment_review")["holds"]]

    blocked = assert_refused(ask(api, order_id, "confirm"), 409, "order_on_hold")
    ambiguous = assert_refused(ask(api, order_id, "release_hold"), 422, "ambiguous")
    done(api, order_id, "release_hold", hold_id=ids[0])
    order = done(api, order_id, "release_hold", hold_id=ids[2])

    assert [(hold["id"], hold["kind"]) for hold in blocked["holds"]] == [
        (ids[0], "fraud"),
        (ids[2], "payment_review"),
    ]
    assert (ambiguous["choices"], ambiguous["errors"][0]["pointer"]) == (ids, "/hold_id")
    assert [hold["id"] for hold in order["holds"]] == [ids[1]]
    assert done(api, order_id, "confirm")["status"] == "confirmed"


def test_a_hold_of_another_order_or_one_that_is_gone_is_unknown(api, place_order):
    other = place_order(cup=1)["id"]
    foreign = done(api, other, "hold", kind="fraud")["holds"][0]["id"]
    order_id = place_order(cup=1)["id"]
    gone = done(api, order_id, "hold", kind="fraud")["holds"][0]["id"]
    done(api, order_id, "release_hold")
    before = done(api, order_id, "hold", kind="address")

    for hold_id in (foreign, gone):
        assert_refused(ask(api, order_id, "release_hold", hold_id=hold_id), 422, "unknown_part")

    assert read(api, order_id) == before
    assert len(read(api, other)["holds"]) == 1


def test_where_there_is_no_hold_nothing_is_released(api, place_order):
    before = place_order(cup=1)

    assert_refused(ask(api, before["id"], "release_hold"), 409, "nothing_left")

    assert read(api, before["id"]) == before


@pytest.mark.parametrize(
    ("earlier", "status"), [(["confirm", "ship", "complete"], "completed"), (["cancel"], "canceled")]
)
def test_an_order_that_has_ended_can_be_kept_and_its_holds_can_go(api, place_order, earlier, status):
    order_id = place_order(cup=1)["id"]
    done(api, order_id, "hold", kind="manual", blocks=["expire"])
    for name in earlier:
        perform(name, order_id)

    kept = done(api, order_id, "hold", kind="manual", blocks=["erase"])
    for hold in kept["holds"]:
        order = done(api, order_id, "release_hold", hold_id=hold["id"])

    assert [hold["blocks"] for hold in kept["holds"]] == [["expire"], ["erase"]]
    assert (order["status"], order["holds"]) == (status, [])


def test_what_no_hold_can_block_goes_on(api, place_order):
    order_id = place_order(cup=1)["id"]
    done(api, order_id, "hold", kind="manual")

    done(api, order_id, "record_payment", kind="capture", amount=100, psp_reference="pi_1")
    done(api, order_id, "extend", minutes=6000)
    done(api, order_id, "track", tracking_number="1")
    response = api.patch(f"/api/v1/orders/{order_id}", {"note": "waits"}, content_type="application/json")

    assert (response.status_code, response.json()["version"]) == (200, 6)
