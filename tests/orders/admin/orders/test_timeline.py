"""What the events of an order look like to staff: operations and changes in words."""

from uuid import UUID, uuid4

import pytest

from events.models import Event
from orders.admin.orders.timeline import _TITLES
from orders.models import Order
from orders.requests.operations import Units
from orders.rules.lifecycle import Operation
from orders.rules.statuses import CancelReason
from tests.base import perform
from tests.orders.admin.conftest import page_of
from tests.orders.asking import done, item_ids, sell


@pytest.fixture
def told(admin):
    """Title, changes and instructions of the latest entry."""

    def latest(order_id):
        entry = admin.get(f"/admin/orders/order/{order_id}/change/").context["timeline"][0]
        changes = {change.name: (change.before, change.after) for change in entry.changes}
        return entry.title, changes, entry.instructions

    return latest


def test_every_operation_has_a_title():
    assert set(Operation) <= set(_TITLES)


def test_counts_of_items_and_new_parcels(api, told):
    order = sell(api)
    cups = {"items": [{"item_id": item_ids(order)["cup"], "quantity": 2}]}
    done(api, order["id"], "confirm")
    done(api, order["id"], "ship", None, tracking_company="DHL", tracking_number="JD1", **cups)

    assert told(order["id"]) == (
        "Shipped",
        {
            "cup shipped": ("0", "2"),
            "fulfillment status": ("unfulfilled", "partial"),
            "parcel": ("–", "2 × cup, DHL JD1, shipped"),
        },
        [],
    )


def test_why_units_were_canceled(api, admin):
    order = sell(api)
    perform("cancel", order["id"], cause=CancelReason.OUT_OF_STOCK, items=[Units(UUID(item_ids(order)["cup"]), 1)])

    response = admin.get(f"/admin/orders/order/{order['id']}/change/")

    assert "<strong>Canceled: out of stock</strong>" in response.content.decode()


def test_money_and_what_others_are_told_to_do(api, told):
    order = sell(api)
    done(api, order["id"], "record_payment", kind="capture", amount=3000, psp="stripe", psp_reference="ch_1")
    payment = told(order["id"])
    done(api, order["id"], "cancel", cause="out_of_stock")
    canceled = told(order["id"])

    assert payment == (
        "Payment recorded",
        {
            "balance amount": ("30.00 AUD", "0.00 AUD"),
            "captured amount": ("0.00 AUD", "30.00 AUD"),
            "payment": ("–", "capture of 30.00 AUD, stripe ch_1"),
            "payment status": ("unpaid", "paid"),
        },
        [],
    )
    title, changes, instructions = canceled
    assert (title, instructions) == ("Canceled", ["refund 30.00 AUD of stripe ch_1 (30.00 AUD)"])
    assert changes["cancel reason"] == ("–", "out of stock")
    assert changes["status"] == ("pending", "canceled")
    assert (changes["cup canceled"], changes["plate canceled"]) == (("0", "2"), ("0", "1"))
    assert changes["refund"][1].startswith("30.00 AUD, approved, by key:")


def test_items_that_were_added_and_taken_away(admin, api, stock):
    order = sell(api)
    stock(bowl=5)
    plate = {"item_id": item_ids(order)["plate"], "quantity": 0}
    bowl = {"product_id": "bowl", "name": "A bowl", "quantity": 3, "unit_amount": 250}
    done(api, order["id"], "amend", items=[plate, bowl])

    entry = admin.get(f"/admin/orders/order/{order['id']}/change/").context["timeline"][0]

    assert entry.title == "Items amended"
    assert [(change.name, change.before, change.after) for change in entry.changes] == [
        ("balance amount", "30.00 AUD", "32.50 AUD"),
        ("due amount", "30.00 AUD", "32.50 AUD"),
        ("item", "1 × plate at 5.00 AUD", "–"),
        ("item", "–", "3 × A bowl at 2.50 AUD"),
        ("items amount", "25.00 AUD", "27.50 AUD"),
        ("total amount", "30.00 AUD", "32.50 AUD"),
    ]


def test_holds_returns_tags_and_metadata(api, told):
    order = sell(api)
    done(api, order["id"], "hold", kind="address")
    hold = told(order["id"])
    done(api, order["id"], "release_hold")
    released = told(order["id"])
    body = {"tags": ["vip", "gift"], "metadata": {"channel": "web"}, "note": "Ring twice."}
    api.patch(f"/api/v1/orders/{order['id']}", body, content_type="application/json")
    details = told(order["id"])
    for operation, asked in (("confirm", {}), ("ship", {}), ("request_return", {"cause": "wrong_item"})):
        done(api, order["id"], operation, None, **asked)
    requested = told(order["id"])
    done(api, order["id"], "approve_return")
    items = [{"item_id": item_ids(order)["cup"], "quantity": 1, "condition": "damaged", "restock": False}]
    done(api, order["id"], "receive_return", items=items)
    received = told(order["id"])

    assert hold == ("Held up", {"hold": ("–", "Address to be checked, blocks expire, pack, ship")}, [])
    assert released == ("Hold released", {"hold": ("Address to be checked, blocks expire, pack, ship", "–")}, [])
    assert details == (
        "Details changed",
        {"metadata channel": ("–", "web"), "note": ("–", "–"), "tags": ("–", "gift, vip")},
        [],
    )
    assert requested[:2] == ("Return requested", {"return": ("–", "2 × cup, 1 × plate, wrong item, requested")})
    title, changes, _ = received
    assert title == "Return received"
    assert changes["cup returned"] == ("0", "1")
    assert changes["return state"] == ("approved", "received")
    assert changes["return items"] == (
        "2 × cup, 1 × plate",
        "2 × cup, 1 × plate (1 × cup came back damaged, not restocked)",
    )


def test_deleting_and_restoring(admin, sold):
    order = sold("cancel")
    perform("delete", order.pk, reason="A test.")
    perform("restore", order.pk)

    restored, deleted = admin.get(page_of(order)).context["timeline"][:2]

    assert [(change.name, change.before, change.after) for change in deleted.changes] == [("deleted", "no", "yes")]
    assert (restored.title, deleted.title, deleted.reason) == ("Restored", "Deleted", "A test.")


def test_events_of_earlier_releases_are_told_by_their_type(admin, sold):
    order = sold()
    Event.objects.bulk_create(
        Event(
            id=uuid4(),
            storefront_id=order.storefront_id,
            source="/storefronts/au",
            stream_id=order.pk,
            sequence=sequence,
            type=kind,
            occurred_at=order.placed_at,
            actor="staff:bob",
            data={"order": {}, "changes": changes, "version": sequence},
        )
        for sequence, kind, changes in (
            (2, "order.updated", {"status": ["pending", "confirmed"]}),
            (3, "order.updated", {"note": [None, None]}),
            (4, "order.deleted", {"deleted": [False, True]}),
            (5, "order.forgotten", {"odd": [None, [1, {"a": 2}]]}),
        )
    )

    entries = admin.get(page_of(order)).context["timeline"]

    assert [entry.title for entry in entries] == ["Forgotten", "Deleted", "Changed", "Confirmed", "Placed"]
    assert entries[0].changes[0].after == '[1, {"a": 2}]'
    assert Order.objects.get(pk=order.pk).version == 1
