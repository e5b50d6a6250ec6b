"""What the events of an order look like to staff: operations and changes in words."""

import re
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User

from events.models import Event
from orders.admin.orders.timeline import _TITLES
from orders.models import ApiKey, Order
from orders.requests.operations import Units
from orders.rules.lifecycle import Operation
from orders.rules.statuses import CancelReason, HoldKind
from tests.base import perform
from tests.orders.admin.conftest import page_of
from tests.orders.asking import done, item_ids, sell


@pytest.fixture
def told(admin):
    """Title, changes and instructions of the latest entry."""

    def latest(order_id):
        entry = admin.get(f"/admin/orders/order/{order_id}/change/").context["timeline"].entries[0]
        changes = {change.name: (change.before, change.after) for change in [*entry.changes, *entry.echoes]}
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
    assert changes["refund"][1] == "30.00 AUD, approved, by the key “test”"


def test_items_that_were_added_and_taken_away(admin, api, stock):
    order = sell(api)
    stock(bowl=5)
    plate = {"item_id": item_ids(order)["plate"], "quantity": 0}
    bowl = {"product_id": "bowl", "name": "A bowl", "quantity": 3, "unit_amount": 250}
    done(api, order["id"], "amend", items=[plate, bowl])

    entry = admin.get(f"/admin/orders/order/{order['id']}/change/").context["timeline"].entries[0]

    assert entry.title == "Items amended"
    assert [(change.name, change.before, change.after) for change in entry.changes] == [
        ("item", "1 × plate at 5.00 AUD", "–"),
        ("item", "–", "3 × A bowl at 2.50 AUD"),
        ("total amount", "30.00 AUD", "32.50 AUD"),
    ]
    assert [(change.name, change.before, change.after) for change in entry.echoes] == [
        ("balance amount", "30.00 AUD", "32.50 AUD"),
        ("due amount", "30.00 AUD", "32.50 AUD"),
        ("items amount", "25.00 AUD", "27.50 AUD"),
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

    restored, deleted = admin.get(page_of(order)).context["timeline"].entries[:2]

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

    entries = admin.get(page_of(order)).context["timeline"].entries

    assert [entry.title for entry in entries] == ["Forgotten", "Deleted", "Changed", "Confirmed", "Placed"]
    assert entries[0].changes[0].after == '[1, {"a": 2}]'
    assert Order.objects.get(pk=order.pk).version == 1


def moments_of(admin, order):
    return admin.get(page_of(order)).context["timeline"].moments


def test_names_people_and_keys_and_never_shows_the_beginning_of_a_key(admin, api, order_in):
    User.objects.create_user("eve", first_name="Eve", last_name="Adams")
    order = order_in("pending")
    done(api, str(order.pk), "hold", kind="fraud", reason="Looks odd.")
    done(api, str(order.pk), "record_payment", kind="capture", amount=900, psp_reference="ch_1")
    done(api, str(order.pk), "request_refund", amount=500)
    perform("comment", order.pk, by="staff:eve", text="Called.")
    perform("comment", order.pk, by="staff:gone", text="Nobody was there.")
    perform("extend", order.pk, by="system:sweep", minutes=9000)
    perform("extend", order.pk, by="system:order (by ann)", minutes=9500)

    html = admin.get(page_of(order)).content.decode()

    names = [moment.first.by for moment in moments_of(admin, order)]
    assert names[:4] == ["the command order (by ann)", "the sweeper", "gone", "Eve Adams"]
    assert set(names[4:]) == {"the key “test”"}
    assert "by the key “test” since" in html
    assert re.findall(r"key:\w+", html) == []


def test_a_key_that_is_gone_is_an_api_key(admin, api, order_in):
    order = order_in("pending")
    ApiKey.objects.all().delete()

    html = admin.get(page_of(order)).content.decode()

    assert "<span>an API key</span>" in html
    assert re.findall(r"key:\w+", html) == []


def test_what_one_request_did_is_one_entry_that_can_be_opened(admin, order_in):
    order = order_in("pending")
    perform("comment", order.pk, by="staff:eve", request_id="r-0", text="First.")
    perform("confirm", order.pk, by="staff:eve", request_id="r-1")
    perform("ship", order.pk, by="staff:eve", request_id="r-1", tracking_number="JD1")
    perform("comment", order.pk, by="staff:bob", request_id="r-1", text="Another person.")

    other, together, first, _ = moments_of(admin, order)
    html = admin.get(page_of(order)).content.decode()

    assert [other.title, together.title, first.title] == ["Comment", "Confirmed, Shipped", "Comment"]
    assert [(change.before, change.after) for change in together.changes if change.name == "status"] == [
        ("pending", "shipped")
    ]
    assert [[change.after for change in entry.changes if change.name == "status"] for entry in together.entries] == [
        ["shipped"],
        ["confirmed"],
    ]
    assert "<summary>2 events of one request</summary>" in html


def test_events_without_a_request_stand_alone(admin, order_in):
    assert [moment.title for moment in moments_of(admin, order_in("shipped"))] == ["Shipped", "Confirmed", "Placed"]


def test_marks_what_customers_see(admin, order_in):
    order = order_in("pending")
    perform("change_details", order.pk, note="Ring twice.")
    perform("change_details", order.pk, tags=["vip"])
    perform("comment", order.pk, text="She is nice.")
    perform("hold", order.pk, kind=HoldKind.MANUAL)
    perform("release_hold", order.pk)
    perform("extend", order.pk, minutes=9000)
    perform("confirm", order.pk)
    perform("pack", order.pk)

    marked = [(moment.title, moment.seen_by_customers) for moment in moments_of(admin, order)]
    html = admin.get(page_of(order)).content.decode()

    assert marked == [
        ("Packed", True),
        ("Confirmed", True),
        ("Reservation extended", False),
        ("Hold released", False),
        ("Held up", False),
        ("Comment", False),
        ("Details changed", False),
        ("Details changed", True),
        ("Placed", True),
    ]
    assert html.count("customers see this") == 4


def test_a_hold_tells_its_reason_on_top_however_long_ago_it_was_placed(admin, order_in, monkeypatch):
    monkeypatch.setattr("orders.admin.orders.timeline._MOST_EVENTS", 3)
    order = order_in("pending")
    perform("hold", order.pk, kind=HoldKind.FRAUD, reason="The card is <stolen>.")
    for _ in range(3):
        perform("comment", order.pk, text="Still waiting.")

    html = admin.get(page_of(order)).content.decode()

    assert '<strong>On hold: Fraud suspected</strong> <span class="said">“The card is &lt;stolen&gt;.”</span>' in html
