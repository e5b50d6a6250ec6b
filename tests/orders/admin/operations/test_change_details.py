import pytest

from events.models import Event
from orders.models import Order
from orders.requests.operations import AddressPatch
from tests.base import perform
from tests.orders.admin.conftest import do_operation, messages_of, operation_page, page_of


@pytest.fixture
def change(admin):
    """Open the page as a browser does, type into some fields, send it."""

    def send(order, **typed):
        return do_operation(admin, order, "change_details", **typed)

    return send


def test_changes_note_contact_and_addresses(change, order_in):
    order = order_in("pending")

    page = change(
        order,
        note="Ring twice.\r\nThen wait.",
        contact_email="ada@example.com",
        shipping_address_line1="1 Harbour Street",
        shipping_address_country="AU",
        billing_address_name="Ada Fields",
        reason="She wrote to us.",
    )

    assert messages_of(page) == [f"{order.number} has been changed."]
    order = Order.objects.get(pk=order.pk)
    assert order.note == "Ring twice.\nThen wait."
    assert (order.contact_email, order.contact_phone) == ("ada@example.com", None)
    assert order.shipping_address == {
        "name": None,
        "line1": "1 Harbour Street",
        "line2": None,
        "city": None,
        "region": None,
        "postal_code": None,
        "country": "AU",
    }
    assert order.billing_address["name"] == "Ada Fields"
    event = Event.objects.get(stream_id=order.pk, sequence=2)
    assert event.data["changes"] == {
        name: [None, None] for name in ("note", "contact", "shipping_address", "billing_address")
    }


def test_what_is_sent_unchanged_is_no_change(change, order_in):
    order = order_in("pending")
    perform("change_details", order.pk, note="One\nTwo", shipping_address=AddressPatch(city="Sydney"))

    page = change(order)

    assert messages_of(page) == [f"{order.number} was like this already; nothing has been changed."]
    assert Order.objects.get(pk=order.pk).version == 2


def test_emptying_the_billing_address_means_there_is_none(change, order_in):
    order = order_in("pending")
    change(order, billing_address_name="Ada Fields")

    change(order, billing_address_name="")

    assert Order.objects.get(pk=order.pk).billing_address is None


def test_everything_that_is_wrong_is_shown_beside_its_field(change, order_in):
    order = order_in("pending")

    page = change(
        order,
        note="x" * 5001,
        contact_email="nonsense",
        contact_phone="1" * 301,
        shipping_address_city="x" * 301,
        shipping_address_country="XX",
        billing_address_country="AUS",
    )

    errors = page.context["form"].errors
    assert set(errors) == {
        "note",
        "contact_email",
        "contact_phone",
        "shipping_address_city",
        "shipping_address_country",
        "billing_address_country",
    }
    assert errors["contact_email"] == ["Write one address, such as ann@example.com."]
    assert errors["shipping_address_country"] == ["XX is not a country of ISO 3166-1 alpha-2."]
    assert "5000" in errors["note"][0]
    assert Order.objects.get(pk=order.pk).version == 1


def test_the_address_of_a_shipped_order_is_shown_but_locked(admin, change, order_in):
    order = order_in("shipped")

    html = admin.get(operation_page(order, "change_details")).content.decode()
    page = change(order, contact_phone="+61 2 5550 1234", shipping_address_city="Perth")

    assert "The address of a shipped order cannot be changed; that is for orders that are pending or confirmed." in html
    assert page.redirect_chain == [(page_of(order), 302)]
    order = Order.objects.get(pk=order.pk)
    assert (order.contact_phone, order.shipping_address) == ("+61 2 5550 1234", None)


def test_the_note_of_a_completed_order_can_be_changed(change, order_in):
    order = order_in("completed")

    change(order, note="Praised us.", contact_email="ada@example.com")

    order = Order.objects.get(pk=order.pk)
    assert (order.note, order.contact_email) == ("Praised us.", None)


def test_an_address_typed_before_the_order_was_shipped_is_refused_not_lost_in_silence(admin, order_in):
    order = order_in("confirmed")
    version = order.version
    perform("ship", order.pk, by="staff:will")

    page = admin.post(operation_page(order, "change_details"), {"version": version, "shipping_address_city": "Perth"})

    assert page.status_code == 409
    assert "has been changed since you opened this page" in page.content.decode()


def test_tags_are_written_with_commas_and_kept_as_a_set(change, order_in):
    order = order_in("completed")

    change(order, tags=" vip, gift ,, vip")

    assert Order.objects.get(pk=order.pk).tags == ["gift", "vip"]


def test_too_many_or_too_long_tags_are_refused_beside_their_field(change, order_in):
    order = order_in("pending")

    many = change(order, tags=", ".join(f"tag{n}" for n in range(21)))
    long = change(order, tags="x" * 41, note="Fine.")

    sentence = "At most 20 tags, each of at most 40 characters."
    assert many.context["form"].errors == {"tags": [sentence]}
    assert long.context["form"].errors == {"tags": [sentence]}
    assert Order.objects.get(pk=order.pk).version == 1


def test_what_was_pasted_is_kept_as_it_was_meant(change, order_in):
    order = order_in("pending")

    change(
        order,
        contact_email="\u200eada@example.com\u00a0",
        shipping_address_name="\u202bمی\u200cخواهم\u202c",
        shipping_address_postal_code="１０",
        shipping_address_country="XK",
    )

    order = Order.objects.get(pk=order.pk)
    told = {name: value for name, value in order.shipping_address.items() if value is not None}
    assert order.contact_email == "ada@example.com"
    assert told == {"name": "می\u200cخواهم", "postal_code": "10", "country": "XK"}


def test_a_field_of_nothing_that_can_be_seen_is_empty(change, order_in):
    order = order_in("pending")
    change(order, contact_email="ada@example.com", shipping_address_city="Perth")

    change(order, contact_email="\u200b", shipping_address_city="\ufeff")

    order = Order.objects.get(pk=order.pk)
    assert (order.contact_email, order.shipping_address) == (None, None)


def test_a_phone_is_kept_as_it_was_typed_and_shown_in_e164_beside_it(admin, change, order_in):
    order = order_in("pending")

    change(order, contact_phone="(02) 5550 1234", shipping_address_country="AU")

    stored = Order.objects.get(pk=order.pk)
    assert (stored.contact_phone, stored.contact_phone_e164) == ("(02) 5550 1234", "+61255501234")
    html = admin.get(page_of(order)).content.decode()
    assert "(02) 5550 1234" in html
    assert "+61255501234" in html


def test_a_phone_may_be_any_text(change, order_in):
    order = order_in("pending")

    change(order, contact_phone="call the shop")

    stored = Order.objects.get(pk=order.pk)
    assert (stored.contact_phone, stored.contact_phone_e164) == ("call the shop", None)
