from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events.models import PARKED, OutboxEntry
from orders.models import Order
from orders.requests.placing import Contact
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

    entries = admin.get(page_of(order)).context["timeline"]

    assert [entry.title for entry in entries] == ["Confirmed", "Details changed", "Placed"]
    confirmed, changed, _ = entries
    assert (confirmed.actor, confirmed.version) == ("staff:eve", 3)
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

    always = {"change_details", "change_customer", "record_payment", "hold"}
    before_shipped = always | {"amend", "pack", "track", "cancel"}
    assert operations("pending") == before_shipped | {"confirm", "extend", "delete"}
    assert operations("confirmed") == before_shipped | {"ship"}
    assert operations("shipped") == always | {"deliver", "complete", "track", "request_return", "undo_shipment"}
    assert operations("completed") == always | {"delete", "request_return", "undo_completion"}
    assert operations("canceled") == always | {"delete", "reinstate"}
    assert operations("deleted") == {"restore", "record_payment"}


def test_the_next_operations_stand_in_the_header_and_the_others_in_its_menu(admin, order_in):
    header = admin.get(page_of(order_in("pending"))).context["actions_detail"]

    assert [button["title"] for button in header] == ["Confirm", "Change details", "More"]
    assert [button["title"] for button in header[-1]["items"]] == [
        "Change customer",
        "Hold up",
        "Extend reservation",
        "Cancel order",
        "Delete",
    ]


def test_shows_a_deleted_order_with_who_and_when(admin, order_in):
    html = admin.get(page_of(order_in("deleted"))).content.decode()

    assert "by system:test" in html


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

    assert "?q=a%26b%3Dc+d" in admin.get(page_of(order)).content.decode()


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
    html = page.content.decode()
    for text in ("2 × cup", "JD1", "ch_1", "stripe", "7.50 AUD", "To be paid out", "Damaged", "1 × cup"):
        assert text in html


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

    # session, user, storefronts of the user, order with its storefront, items, shipments and what is in them,
    # payments, refunds, returns and what is in them, outbox, events
    assert len(of_short) == len(of_long) == 14


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
