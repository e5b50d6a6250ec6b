"""Orders that have not been shipped follow their customer."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from events.inbox.consumer import Consumer
from events.inbox.models import IncomingEvent
from orders import operations
from orders.models import Order
from orders.operations import Call, erasing
from orders.requests.operations import AddressPatch, ContactPatch, OrderDetails, Units
from orders.rules.callers import system
from orders.rules.lifecycle import Operation
from orders.rules.limits import MAX_TAGS
from tests.base import perform
from tests.orders.incoming.conftest import ComesIn

OLD = {"name": "Ann", "line1": "1 Old Street", "line2": "Flat 2", "city": "Perth", "country": "AU"}
NEW = {"name": "Ann", "line1": "9 New Street", "city": "Sydney", "postal_code": "2000", "country": "au"}


@pytest.fixture
def place(place_order: Any) -> Any:
    """Place an order with the old contact and address."""

    def placed(**quantities: int) -> dict[str, Any]:
        order: dict[str, Any] = place_order(**quantities)
        perform(
            "change_details",
            order["id"],
            contact=ContactPatch(email="ann@old.example", phone="08 1111 1111"),
            shipping_address=AddressPatch(**OLD),
            billing_address=AddressPatch(**OLD),
            tags=["gift"],
        )
        return order

    return placed


def updated(**more: Any) -> dict[str, Any]:
    return {"customer_id": "cus123", **more}


def test_contact_and_addresses_follow_and_shipping_is_to_be_calculated_anew(place, comes_in: ComesIn):
    place(cup=1)

    event = comes_in(
        "customer.updated",
        updated(contact={"email": "ann@new.example"}, shipping_address=NEW, billing_address=NEW, tier="gold"),
    )

    assert event.state == "handled", event.last_error
    order = Order.objects.get()
    assert (order.contact_email, order.contact_phone) == ("ann@new.example", "08 1111 1111")
    whole = {**NEW, "country": "AU", "line2": None, "region": None}
    assert (order.shipping_address, order.billing_address) == (whole, whole)
    assert order.tags == ["gift", "recalculate-shipping"]
    assert order.version == 3


def test_without_another_shipping_address_nothing_is_to_be_calculated(place, comes_in: ComesIn):
    place(cup=1)

    comes_in("customer.updated", updated(contact={"phone": None}, billing_address=NEW, shipping_address=OLD))

    order = Order.objects.get()
    assert (order.contact_email, order.contact_phone, order.tags) == ("ann@old.example", None, ["gift"])
    assert order.billing_address["city"] == "Sydney"


def test_every_open_order_of_the_customer_follows_and_no_other(place, place_order, comes_in: ComesIn):
    open_ones = [place(cup=1)["id"] for _ in range(3)]
    perform("confirm", open_ones[0])
    shipped, canceled, deleted = (place(cup=1)["id"] for _ in range(3))
    perform("confirm", shipped)
    perform("ship", shipped)
    perform("cancel", canceled)
    perform("delete", deleted)
    place_order("somebody else", cup=1)

    comes_in("customer.updated", updated(shipping_address=NEW))

    moved = Order.all_objects.filter(shipping_address__city="Sydney")
    assert sorted(str(order.pk) for order in moved) == sorted(open_ones)
    assert {tuple(order.tags) for order in moved} == {("gift", "recalculate-shipping")}


def test_an_order_of_which_a_parcel_has_left_is_left_as_it_is(place, comes_in: ComesIn):
    order = place(cup=2)
    perform("confirm", order["id"])
    item = Order.objects.get().items.get()
    perform("ship", order["id"], items=[Units(item.pk, 1)])
    version = Order.objects.get().version

    event = comes_in("customer.updated", updated(shipping_address=NEW, contact={"email": "ann@new.example"}))

    assert (event.state, Order.objects.get().version) == ("handled", version)


def test_a_storefront_keeps_it_to_its_own_orders(place, other_storefront, comes_in: ComesIn):
    place(cup=1)

    comes_in("customer.updated", updated(storefront="nz", shipping_address=NEW))
    assert Order.objects.get().shipping_address["city"] == "Perth"

    comes_in("customer.updated", updated(storefront="au", shipping_address=NEW))
    assert Order.objects.get().shipping_address["city"] == "Sydney"


def test_what_an_order_says_already_is_no_change(place, comes_in: ComesIn):
    place(cup=1)

    comes_in("customer.updated", updated(shipping_address=OLD, contact={"email": " ann@old.example "}))

    assert Order.objects.get().version == 2


def test_an_older_event_that_comes_late_changes_nothing(place, comes_in: ComesIn):
    place(cup=1)

    comes_in("customer.updated", updated(shipping_address=NEW), subject="cus123", sequence="2")
    event = comes_in("customer.updated", updated(shipping_address=OLD), subject="cus123", sequence="1")

    assert event.state == "stale"
    assert Order.objects.get().shipping_address["city"] == "Sydney"


def test_the_flag_stands_beside_as_many_tags_as_an_order_may_have(place, comes_in: ComesIn):
    order = place(cup=1)
    perform("change_details", order["id"], tags=[f"tag-{number:02}" for number in range(MAX_TAGS)])

    comes_in("customer.updated", updated(shipping_address=NEW))

    assert Order.objects.get().tags == ["recalculate-shipping", *(f"tag-{number:02}" for number in range(MAX_TAGS))]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"customer_id": ""}, "at /customer_id"),
        ({"shipping_address": {"country": "Atlantis"}}, "country"),
        ({"shipping_address": {"city": 5}}, "Expected `str | null`"),
        ({"shipping_address": None}, "/shipping_address"),
        ({"contact": {"email": "not one"}}, "e-mail"),
    ],
)
def test_data_that_cannot_be_right_is_a_dead_letter_at_once(place, comes_in: ComesIn, change, told):
    place(cup=1)

    event = comes_in("customer.updated", updated(**{"shipping_address": NEW, **change}))

    assert (event.state, event.attempts, told in event.last_error) == ("dead", 1, True), event.last_error
    assert Order.objects.get().version == 2


def test_a_tag_that_somebody_sets_at_the_same_moment_stays(place, comes_in: ComesIn):
    order = place(cup=1)

    def consume() -> None:
        comes_in("customer.updated", updated(shipping_address=NEW))
        connection.close()  # this thread's own

    consumer = threading.Thread(target=consume)
    with transaction.atomic():
        request = OrderDetails(tags=["gift", "fragile"])
        call = Call(system("test"))
        operations.perform_within(Operation.CHANGE_DETAILS, UUID(order["id"]), request, call=call)
        consumer.start()
        wait_until_somebody_waits_for_a_lock()
    consumer.join(60)
    if IncomingEvent.objects.due().exists():  # it waited for longer than the lock_timeout
        IncomingEvent.objects.due().update(next_attempt_at=datetime(2026, 1, 1, tzinfo=UTC))
        Consumer("", None).drain()

    assert IncomingEvent.objects.get().state == "handled"
    changed = Order.objects.get()
    assert changed.tags == ["fragile", "gift", "recalculate-shipping"]
    assert changed.shipping_address["city"] == "Sydney"


def wait_until_somebody_waits_for_a_lock() -> None:
    give_up_at = time.monotonic() + 60
    waiting = 0
    while not waiting:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
        with connection.cursor() as cursor:
            cursor.execute("select pg_stat_clear_snapshot()")
            cursor.execute(
                "select count(*) from pg_stat_activity "
                "where datname = current_database() and wait_event_type = 'Lock' and state = 'active'"
            )
            (waiting,) = cursor.fetchone()


# --- erased ------------------------------------------------------------------------------------------


def test_a_customer_who_is_erased_elsewhere_is_erased_here(place, comes_in: ComesIn):
    order_id = place(cup=1)["id"]
    perform("cancel", order_id)
    perform("delete", order_id)

    event = comes_in("customer.erased", {"customer_id": "cus123", "storefront": "au"})

    assert event.state == "handled", event.last_error
    order = Order.all_objects.get()
    assert (order.customer_id, order.contact_email, order.shipping_address) == ("erased", None, None)


def test_while_an_order_is_under_way_nothing_is_erased_and_somebody_is_told(place, comes_in: ComesIn):
    ended, under_way = place(cup=1), place(cup=1)
    perform("cancel", ended["id"])

    event = comes_in("customer.erased", {"customer_id": "cus123"})

    assert event.state == "dead"
    assert f"Nothing was erased, because {under_way['number']} has to stay" in event.last_error
    assert set(Order.objects.values_list("customer_id", flat=True)) == {"cus123"}


def test_another_storefronts_orders_stay(place, comes_in: ComesIn):
    perform("cancel", place(cup=1)["id"])

    assert comes_in("customer.erased", {"customer_id": "cus123", "storefront": "nz"}).state == "handled"

    assert Order.objects.get().customer_id == "cus123"


def test_dead_letters_about_an_erased_customer_are_dropped_and_no_others(storefront, comes_in: ComesIn):
    wrong = {"shipping_address": {"country": "XX", "name": "marker"}}
    about = comes_in("customer.updated", updated(**wrong))
    of_another = comes_in("customer.updated", updated(**wrong) | {"customer_id": "cus1234"})
    elsewhere = comes_in("customer.updated", updated(**wrong, storefront="nz"))
    assert {event.state for event in (about, of_another, elsewhere)} == {"dead"}

    erasing.erase_customer(storefront, "cus123", call=Call(system("test")))

    for event in (about, of_another, elsewhere):
        event.refresh_from_db()
    assert [(event.state, event.body is None) for event in (about, of_another, elsewhere)] == [
        ("dropped", True),
        ("dead", False),
        ("dead", False),
    ]
