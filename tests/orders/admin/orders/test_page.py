import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events.models import PARKED, OutboxEntry
from orders.admin.operations.table import STAFF_OPERATIONS
from orders.models import Order, Refund, Storefront
from orders.operations.obstacles import obstacles
from orders.requests.placing import Contact
from orders.rules.callers import system
from orders.rules.lifecycle import Operation
from tests.base import perform
from tests.orders.admin.conftest import buttons_on, operation_page, page_of
from tests.orders.asking import done, item_ids, sell


def test_shows_all_of_an_order(admin, api, stock):
    stock(cup=10)
    order = api.post(
        "/api/v1/orders",
        {
            "customer_id": "cus1",
            "external_reference": "web-1",
            "currency": "AUD",
            "items": [{"product_id": "cup", "name": "Cup, blue", "quantity": 2, "unit_amount": 1299}],
            "shipping_amount": 995,
            "contact": {"email": "ada@example.com", "phone": "+61 2 5550 1234"},
            "shipping_address": {"name": "Ada Fields", "line1": "1 Harbour Street", "city": "Sydney", "country": "AU"},
            "note": "Leave it <b>at the door</b>.",
            "metadata": {"channel": "web"},
        },
        content_type="application/json",
    ).json()

    html = admin.get(f"/admin/orders/order/{order['id']}/change/").content.decode()

    for text in (
        order["number"],
        "Cup, blue",
        "25.98 AUD",
        "9.95 AUD",
        "35.93 AUD",
        "ada@example.com",
        "+61 2 5550 1234",
        "Ada Fields",
        "1 Harbour Street",
        "Australia",
        "Leave it &lt;b&gt;at the door&lt;/b&gt;.",
        "channel",
        "web-1",
        "Placed",
        "Reserved until",
    ):
        assert text in html


def test_tells_who_changed_what_when_and_why_but_no_personal_data(admin, order_in):
    order = order_in("pending")
    perform(
        "change_details",
        order.pk,
        by="staff:bob",
        reason="She moved.",
        request_id="req-7",
        contact=Contact(email="ada@example.com"),
    )
    perform("confirm", order.pk, by="staff:eve")

    entries = admin.get(page_of(order)).context["timeline"].entries

    assert [entry.title for entry in entries] == ["Confirmed", "Details changed", "Placed"]
    confirmed, changed, _ = entries
    assert (confirmed.by, confirmed.version) == ("eve", 3)
    assert [(c.name, c.before, c.after, c.personal) for c in confirmed.changes] == [
        ("status", "pending", "confirmed", False)
    ]
    assert (changed.reason, changed.request_id) == ("She moved.", "req-7")
    assert [(c.name, c.before, c.after, c.personal) for c in changed.changes] == [("contact", "–", "–", True)]


def test_says_which_events_a_sink_has_still_to_get(admin, order_in):
    order = order_in("pending")
    OutboxEntry.objects.update(next_attempt_at=PARKED, attempts=7, last_error="The bus is closed.")

    html = admin.get(page_of(order)).content.decode()

    assert "console: parked after 7 attempts" in html
    assert "The bus is closed." in html


def test_offers_what_the_status_allows(admin, order_in):
    def operations(status):
        order = order_in(status)
        return buttons_on(admin.get(page_of(order)), order)

    always = {"change_details", "change_customer", "record_payment", "comment", "hold"}
    before_shipped = always | {"amend", "pack", "track", "cancel"}
    assert operations("pending") == before_shipped | {"confirm", "extend", "delete"}
    assert operations("confirmed") == before_shipped | {"ship"}
    assert operations("shipped") == always | {"deliver", "complete", "track", "request_return", "undo_shipment"}
    assert operations("completed") == always | {"delete", "request_return", "undo_completion"}
    assert operations("canceled") == always | {"delete", "reinstate"}
    assert operations("deleted") == {"restore", "record_payment"}


def test_the_next_operations_stand_at_the_top_and_the_others_in_its_menu(admin, order_in):
    context = admin.get(page_of(order_in("pending"))).context

    assert [button.title for button in context["next_buttons"]] == ["Confirm", "Change details"]
    assert [button.title for button in context["more_buttons"]] == [
        "Change customer",
        "Comment",
        "Hold up",
        "Extend reservation",
        "Cancel order",
        "Delete",
    ]


@pytest.mark.parametrize("status", ["pending", "confirmed", "shipped", "completed", "canceled"])
def test_what_is_not_possible_now_is_there_and_says_why_in_the_words_of_the_rules(admin, order_in, status):
    order = order_in(status)
    page = admin.get(page_of(order))
    html, allowed = unescape(page.content.decode()), buttons_on(page, order)
    order = Order.objects.with_parts().get(pk=order.pk)

    for name in set(STAFF_OPERATIONS) - allowed:
        said = next(obstacles(order, Operation(name), system("test"))).detail
        said = said.replace(f"{name} ", f"{name.replace('_', ' ')} ", 1)
        assert re.findall(rf'id="why-{name}">([^<]+)<', html) == [said[0].upper() + said[1:]]
        assert f'aria-disabled="true" aria-describedby="why-{name}"' in html


def test_whoever_lacks_the_permission_sees_no_button_at_all(staff, order_in):
    html = staff("warehouse").get(page_of(order_in("pending"))).content.decode()

    assert "Ship</button>" in html  # theirs, as soon as it is confirmed
    for theirs in ("Confirm", "Cancel order", "Record payment", "Open again", "Approve refund"):
        assert (theirs == "Open again") == (f"{theirs}</button>" in html)
        assert f"{theirs}</a>" not in html


def test_a_refund_cannot_be_approved_by_whoever_has_requested_it_and_says_so_beside_it(admin, api, order_in):
    Storefront.objects.update(refund_approval_above=0)
    order = sell(api)
    done(api, order["id"], "record_payment", kind="capture", amount=3000, psp_reference="ch_1")
    perform("request_refund", order["id"], by="staff:ann", amount=500)
    refund = Refund.objects.get()

    html = unescape(admin.get(f"/admin/orders/order/{order['id']}/change/").content.decode())

    why = "ann has requested this refund, so somebody else has to approve it."
    assert f'id="why-approve_refund-{refund.pk}">{why}<' in html


def test_says_of_a_deleted_order_what_comes_first(admin, order_in):
    html = admin.get(page_of(order_in("deleted"))).content.decode()

    assert 'id="why-ship">The order has been deleted. It can be restored, and then be worked on again.<' in html


def test_shows_a_deleted_order_with_who_and_when(admin, order_in):
    html = admin.get(page_of(order_in("deleted"))).content.decode()

    assert "by the command test" in html


def test_links_to_a_parcel_without_telling_where_it_was_clicked(admin, order_in):
    order = order_in("shipped")
    order.shipments.update(tracking_number="JD1", tracking_link="https://example.com/t?id=1")

    html = admin.get(page_of(order)).content.decode()

    assert '<a class="link" href="https://example.com/t?id=1" target="_blank" rel="noopener noreferrer">JD1</a>' in html


def test_what_is_no_web_address_is_no_link(admin, order_in):
    order = order_in("shipped")
    order.shipments.update(tracking_number="JD1", tracking_link="javascript:alert(1)")

    html = admin.get(page_of(order)).content.decode()

    assert "javascript:" not in html
    assert "JD1" in html


def test_links_to_the_customers_other_orders(admin, order_in):
    order = order_in("pending", customer_id="a&b=c d")

    assert "?customer=a%26b%3Dc+d" in admin.get(page_of(order)).content.decode()


def test_shows_the_ledger_parcels_money_and_returns(admin, api):
    order = sell(api)
    ids = item_ids(order)
    for operation, body in (
        ("confirm", {}),
        ("cancel", {"items": [{"item_id": ids["plate"], "quantity": 1}]}),
        ("ship", {"tracking_company": "DHL", "tracking_number": "JD1"}),
        ("record_payment", {"kind": "capture", "amount": 2000, "psp": "stripe", "psp_reference": "ch_1"}),
        ("request_refund", {"amount": 750}),
        ("request_return", {"cause": "damaged", "items": [{"item_id": ids["cup"], "quantity": 1}]}),
    ):
        done(api, order["id"], operation, **body)

    page = admin.get(f"/admin/orders/order/{order['id']}/change/")

    assert [row["counts"] for row in page.context["items"]] == [[2, 0, 2, 0, 0, 0], [1, 1, 0, 0, 0, 0]]
    assert [tuple(row[:2]) for row in page.context["price"]] == [
        ("Items", "25.00 AUD"),
        ("Shipping", "5.00 AUD"),
        ("Tax", "0.00 AUD"),
        ("Discount", "0.00 AUD"),
        ("Total", "30.00 AUD"),
    ]
    assert [tuple(row[:2]) for row in page.context["money"]] == [
        ("Credited", "-12.50 AUD"),
        ("Captured", "20.00 AUD"),
        ("Refunds to come", "-7.50 AUD"),
        ("Balance, paid too much", "-2.50 AUD"),
    ]
    assert str(page.context["balance"]) == ("7.50 AUD to refund: 7.50 AUD goodwill; approved, to be paid out")
    html = page.content.decode()
    for text in ("2 × cup", "JD1", "ch_1", "stripe", "7.50 AUD", "To be paid out", "Damaged", "1 × cup"):
        assert text in html


def test_says_in_one_sentence_what_is_to_be_done_about_the_money(admin, api, stock):
    order = sell(api)
    ids = item_ids(order)
    said = []

    def then(operation, **body):
        done(api, order["id"], operation, **body)
        said.append(str(admin.get(f"/admin/orders/order/{order['id']}/change/").context["balance"]))

    stock(bowl=9)
    then("confirm")
    then("record_payment", kind="capture", amount=3000, psp="stripe", psp_reference="ch_1")
    then("amend", items=[{"product_id": "bowl", "quantity": 1, "unit_amount": 250}])
    then("record_payment", kind="capture", amount=250, psp="stripe", psp_reference="ch_2")
    then("cancel", items=[{"item_id": ids["plate"], "quantity": 1}])
    then("record_payment", kind="refund", amount=500, psp="stripe", psp_reference="re_1", parent_reference="ch_1")
    then("ship")
    then("request_return", cause="damaged", items=[{"item_id": ids["cup"], "quantity": 2}])
    then("approve_return")
    then("receive_return", items=[{"item_id": ids["cup"], "quantity": 1, "condition": "damaged", "restock": False}])
    then("record_payment", kind="chargeback", amount=3000, psp="stripe", psp_reference="cb", parent_reference="ch_1")

    assert said == [
        "30.00 AUD to pay",
        "Settled",
        "2.50 AUD to pay: 30.00 AUD of 32.50 AUD paid",
        "Settled",
        "5.00 AUD to refund: 1 × plate canceled; approved, to be paid out",
        "Settled",
        "Settled",
        "Settled",
        "Settled",
        "10.00 AUD to refund: 1 × cup came back",
        "20.00 AUD to pay: 30.00 AUD charged back; 5.00 AUD given back",
    ]


def test_shows_the_tags(admin, order_in):
    order = order_in("pending")
    perform("change_details", order.pk, tags=["vip", "gift"])

    html = admin.get(page_of(order)).content.decode()

    assert '<span class="pill">gift</span> <span class="pill">vip</span>' in html


def test_asks_as_many_queries_for_a_long_order_as_for_a_short_one(admin, api, place_order):
    def returned_in(parcels):
        """Each parcel has its own item, payment, refund and return."""
        order = place_order(**{f"product{n}": 2 for n in range(parcels)})
        done(api, order["id"], "confirm")
        for n, item in enumerate(order["items"]):
            one = {"items": [{"item_id": item["id"], "quantity": 1}]}
            done(api, order["id"], "ship", None, **one)
            done(api, order["id"], "request_return", None, cause="other", **one)
            done(api, order["id"], "record_payment", kind="capture", amount=9, psp_reference=f"{order['number']}-{n}")
            done(api, order["id"], "request_refund", amount=5)
            done(api, order["id"], "hold", kind="manual", blocks=["complete"])
        return Order.objects.get(pk=order["id"])

    short, long = returned_in(1), returned_in(5)
    admin.get(page_of(short))

    with CaptureQueriesContext(connection) as of_short:
        admin.get(page_of(short))
    with CaptureQueriesContext(connection) as of_long:
        admin.get(page_of(long))

    # session, user, authenticator and storefronts of the user, order with its storefront, items, shipments and what is
    # in them, payments, refunds, returns and what is in them, outbox, events, claims, who looks at it
    assert len(of_short) == len(of_long) == 17


def test_takes_no_change_in_place_and_no_removal(admin, order_in):
    order = order_in("pending")

    answer = admin.post(page_of(order), {"status": "shipped"})

    assert answer.status_code == 403
    assert admin.get(reverse("admin:orders_order_delete", args=[order.pk])).status_code == 200  # the operation's page
    order.refresh_from_db()
    assert (order.status, order.version, order.deleted_at) == ("pending", 1, None)


def test_unknown_and_odd_ids_are_not_found(admin):
    for odd in ("01a20691-d455-7421-9d19-ae886a27e193", "nope", "1"):
        assert admin.get(f"/admin/orders/order/{odd}/change/").status_code == 404
    assert admin.get("/admin/orders/order/01a20691-d455-7421-9d19-ae886a27e193/cancel/").status_code == 404


def test_a_stranger_is_asked_to_sign_in(client, order_in):
    order = order_in("pending")

    for url in (page_of(order), operation_page(order, "cancel"), "/admin/orders/order/"):
        assert client.get(url).headers["Location"] == f"/admin/login/?next={url}"


def test_kosovo_has_a_name(admin, order_in):
    order = order_in("pending")
    Order.objects.filter(pk=order.pk).update(shipping_address={"city": "Pristina", "country": "XK"})

    assert "Kosovo" in admin.get(page_of(order)).content.decode()
