from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events.models import PARKED, OutboxEntry
from orders import operations
from orders.changes import Origin
from orders.models import Order
from orders.requests import Contact, OrderDetails
from tests.orders.admin.conftest import page_of, step_of


def offered(page):
    return [button["path"].rstrip("/").rsplit("/", 1)[1] for button in page.context["actions_detail"]]


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
    operations.change_details(
        order.pk,
        OrderDetails(contact=Contact(email="ada@example.com")),
        storefront_id=None,
        origin=Origin(actor="staff:bob", reason="She moved.", request_id="req-7"),
    )
    operations.confirm_order(order.pk, storefront_id=None, origin=Origin(actor="staff:eve"))

    entries = admin.get(page_of(order)).context["timeline"]

    assert [entry.title for entry in entries] == ["Confirmed", "Changed", "Placed"]
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
    def steps(status):
        return offered(admin.get(page_of(order_in(status))))

    assert steps("pending") == ["confirm", "details", "tracking", "cancel", "delete"]
    assert steps("confirmed") == ["ship", "details", "tracking", "cancel"]
    assert steps("shipped") == ["complete", "details", "tracking"]
    assert steps("completed") == ["details", "delete"]
    assert steps("canceled") == ["details", "delete"]
    assert steps("deleted") == ["restore"]


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


def test_asks_as_many_queries_for_a_long_order_as_for_a_short_one(admin, order_in, place_order):
    short = order_in("pending")
    long = Order.objects.get(pk=place_order(**{f"product{n}": 1 for n in range(20)})["id"])
    for n in range(5):
        operations.change_details(
            long.pk, OrderDetails(note=f"Note {n}"), storefront_id=None, origin=Origin(actor="system:test")
        )
    admin.get(page_of(short))

    with CaptureQueriesContext(connection) as of_short:
        admin.get(page_of(short))
    with CaptureQueriesContext(connection) as of_long:
        admin.get(page_of(long))

    # session, user, order with its storefront, items, shipments, outbox, events
    assert len(of_short) == len(of_long) == 7


def test_takes_no_change_in_place_and_no_removal(admin, order_in):
    order = order_in("pending")

    answer = admin.post(page_of(order), {"status": "shipped"})

    assert answer.status_code == 403
    assert admin.get(reverse("admin:orders_order_delete", args=[order.pk])).status_code == 200  # the step's page
    order.refresh_from_db()
    assert (order.status, order.version, order.deleted_at) == ("pending", 1, None)


def test_unknown_and_odd_ids_are_not_found(admin):
    for odd in ("01a20691-d455-7421-9d19-ae886a27e193", "nope", "1"):
        assert admin.get(f"/admin/orders/order/{odd}/change/").status_code == 404
    assert admin.get("/admin/orders/order/01a20691-d455-7421-9d19-ae886a27e193/cancel/").status_code == 404


def test_a_stranger_is_asked_to_sign_in(client, order_in):
    order = order_in("pending")

    for url in (page_of(order), step_of(order, "cancel"), "/admin/orders/order/"):
        assert client.get(url).headers["Location"] == f"/admin/login/?next={url}"
