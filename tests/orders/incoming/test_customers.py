"""Orders that have not been shipped follow their customer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from events.inbox.consumer import Consumer
from events.inbox.dead_letters import retry
from events.inbox.handling import handle_due
from events.inbox.models import IncomingEvent
from events.inbox.sources.memory import MemorySource
from inventory_client.models import Stock
from orders import operations
from orders.models import Order, RequestedOrder
from orders.operations import Call, Progress, erasing
from orders.reading.customers import letters_about
from orders.requests.operations import AddressPatch, ContactPatch, OrderDetails, Units
from orders.rules.callers import system
from orders.rules.lifecycle import Operation
from orders.rules.limits import MAX_TAGS
from tests.base import perform, wait_until_somebody_waits_for_a_lock
from tests.chaos.promises import broken_promises
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
        ({"customer_id": ""}, "/customer_id: Expected"),
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


# --- asked for, and not placed yet ---------------------------------------------------------------------

ASKED = {
    "customer_id": "cus123",
    "items": [{"product_id": "cup", "quantity": 1}],
    "contact": {"email": "ann@old.example", "phone": "08 1111 1111"},
    "shipping_address": OLD,
    "billing_address": OLD,
    "tags": ["gift"],
}


@pytest.fixture
def ask(api: Client, stock: Any) -> Any:
    """Ask for an order, to be placed later, with the old contact and address; its id."""
    stock(cup=100)

    def asked(**more: Any) -> str:
        response = api.post(
            "/api/v1/orders", ASKED | more, content_type="application/json", headers={"Prefer": "respond-async"}
        )
        assert response.status_code == 202, response.content
        order_id: str = response.json()["id"]
        return order_id

    return asked


def test_what_waits_to_be_placed_follows_as_an_order_does(ask, comes_in: ComesIn):
    ask()

    event = comes_in("customer.updated", updated(contact={"email": "ann@new.example"}, shipping_address=NEW))

    assert event.state == "handled", event.last_error
    assert operations.place_requested() == (1, 0, 0)
    order = Order.objects.get()
    assert (order.contact_email, order.contact_phone) == ("ann@new.example", "08 1111 1111")
    assert order.shipping_address == {**NEW, "country": "AU", "line2": None, "region": None}
    assert (order.billing_address["city"], order.tags) == ("Perth", ["gift", "recalculate-shipping"])
    assert order.version == 1


def test_what_waits_and_says_the_same_already_is_left_as_it_is(ask, comes_in: ComesIn):
    ask()
    before = bytes(RequestedOrder.objects.get().order or b"")

    comes_in("customer.updated", updated(contact={"email": " ann@old.example "}, shipping_address=OLD))

    assert bytes(RequestedOrder.objects.get().order or b"") == before


def test_what_waits_for_others_and_in_other_storefronts_is_left_as_it_is(ask, other_storefront, comes_in: ComesIn):
    ask(customer_id="somebody else")
    ask()

    comes_in("customer.updated", updated(storefront="nz", shipping_address=NEW))
    comes_in("customer.updated", updated(shipping_address=NEW))
    operations.place_requested()

    cities = Order.objects.order_by("customer_id").values_list("customer_id", "shipping_address__city")
    assert list(cities) == [("cus123", "Sydney"), ("somebody else", "Perth")]


def test_what_waits_is_flagged_beside_as_many_tags_as_an_order_may_have(ask, comes_in: ComesIn):
    tags = [f"tag-{number:02}" for number in range(MAX_TAGS)]
    ask(tags=tags)

    comes_in("customer.updated", updated(shipping_address=NEW))

    assert operations.place_requested() == (1, 0, 0)
    assert Order.objects.get().tags == ["recalculate-shipping", *tags]


def test_what_cannot_be_read_any_more_stops_no_other(ask, comes_in: ComesIn):
    spoiled = ask()
    RequestedOrder.objects.filter(pk=spoiled).update(order=b'{"customer_id": 5}')
    ask()

    event = comes_in("customer.updated", updated(shipping_address=NEW))

    assert event.state == "handled", event.last_error
    operations.place_requested()
    assert Order.objects.get().shipping_address["city"] == "Sydney"


def test_one_that_changes_while_it_is_being_placed_is_placed_as_it_is_then(ask, comes_in: ComesIn):
    ask()

    def work() -> Progress:
        try:
            return operations.place_requested()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            list(Stock.objects.select_for_update())
            placing = thread.submit(work)
            wait_until_somebody_waits_for_a_lock()
            with ThreadPoolExecutor(1) as consumer:

                def consume() -> str:
                    try:
                        return comes_in("customer.updated", updated(shipping_address=NEW)).state
                    finally:
                        connection.close()

                assert consumer.submit(consume).result() == "handled"
        assert placing.result() == (0, 0, 1)

    assert operations.place_requested() == (1, 0, 0)
    assert Order.objects.get().shipping_address["city"] == "Sydney"
    assert Stock.objects.get().reserved == 1
    assert broken_promises() == {}


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


def test_dead_letters_about_an_erased_customer_are_dropped_and_no_others(
    storefront, other_storefront, comes_in: ComesIn
):
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


def test_so_is_one_that_has_failed_and_waits_to_be_tried_again_but_not_one_that_waits_for_its_first_try(
    storefront, comes_in: ComesIn
):
    wrong = {"shipping_address": {"country": "XX", "name": "marker"}}
    retried, failed_once, new = (comes_in("customer.updated", updated(**wrong)) for _ in range(3))
    retry(IncomingEvent.objects.filter(pk=retried.pk), by="test")
    IncomingEvent.objects.filter(pk=failed_once.pk).update(state="due", attempts=1)
    IncomingEvent.objects.filter(pk=new.pk).update(state="due", attempts=0, last_error="")
    told = [letter["id"] for letter in letters_about("cus123", storefront)]
    assert told == [retried.event_id, failed_once.event_id]

    erasing.erase_customer(storefront, "cus123", call=Call(system("test")))

    for event in (retried, failed_once, new):
        event.refresh_from_db()
    assert [(event.state, event.body is None) for event in (retried, failed_once, new)] == [
        ("dropped", True),
        ("dropped", True),
        ("due", False),
    ]


def test_one_that_is_being_tried_and_fails_is_dropped_then(storefront, comes_in: ComesIn, database):
    letter = comes_in("customer.updated", updated(shipping_address={"country": "XX"}))

    def erase() -> None:
        try:
            erasing.erase_customer(storefront, "cus123", call=Call(system("test")))
        finally:
            connection.close()

    with ThreadPoolExecutor() as another:
        with transaction.atomic():  # its try
            IncomingEvent.objects.select_for_update().get(pk=letter.pk)
            erasure = another.submit(erase)
            wait_until_somebody_waits_for_a_lock()
        erasure.result()

    letter.refresh_from_db()
    assert (letter.state, letter.body) == ("dropped", None)


def test_an_erasure_that_is_told_comes_again_while_one_is_being_tried(storefront, comes_in: ComesIn, database):
    letter = comes_in("customer.updated", updated(shipping_address={"country": "XX"}))

    def told() -> IncomingEvent:
        try:
            return comes_in("customer.erased", {"customer_id": "cus123", "storefront": "au"})
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor() as another:
        IncomingEvent.objects.select_for_update().get(pk=letter.pk)
        event = another.submit(told).result()
    IncomingEvent.objects.filter(pk=event.pk).update(next_attempt_at=timezone.now())
    again = handle_due(most=1)

    letter.refresh_from_db()
    assert (event.state, "1 events about it are being tried" in event.last_error, again) == ("due", True, 1)
    assert (letter.state, letter.body) == ("dropped", None)


@pytest.mark.parametrize(
    "about",
    [
        {"data": {"customer_id": "cus123", "storefront": "typo", "contact": {"email": "not one"}}},
        {"data": {"customer_id": "cus123", "storefront": 5, "contact": {"email": "ann@old.example"}}},
        {"type": "order.requested", "data": {"storefront": "typo", "order": {"customer_id": "cus123"}}},
        {"subject": "cus123", "data": {"contact": {"email": "ann@old.example"}}},
        {"subject": "cus123", "data": None},
        {"subject": "cus123", "data": {"customer_id": 5}},
        {"type": "order.requested", "subject": "cus123", "data": {"contact": "ann@old.example"}},
        {"data": [{"customer": {"customerId": "cus123"}}]},
    ],
)
def test_a_dead_letter_is_about_a_customer_however_it_names_them(storefront, comes_in: ComesIn, about):
    event = comes_in(about.pop("type", "customer.updated"), **about)
    assert event.state == "dead"
    assert [letter["id"] for letter in letters_about("cus123", storefront)] == [event.event_id]

    erasing.erase_customer(storefront, "cus123", call=Call(system("test")))

    event.refresh_from_db()
    assert (event.state, event.body, event.subject) == ("dropped", None, "")


def test_also_by_a_number_and_with_letters_that_are_escaped(storefront, comes_in: ComesIn):
    wrong = {"contact": {"email": "not one"}}
    events = [comes_in("customer.updated", {"customer_id": named, **wrong}) for named in (123, "zo\u00eb", 'a"b')]
    assert all(b"\\u00eb" in bytes(event.body or b"") for event in events[1:2])

    for customer_id in ("123", "zo\u00eb", 'a"b'):
        erasing.erase_customer(storefront, customer_id, call=Call(system("test")))

    assert set(IncomingEvent.objects.values_list("state", flat=True)) == {"dropped"}


def test_where_there_are_other_storefronts_none_is_told_of_a_customer_who_may_be_anothers(
    storefront, other_storefront, comes_in: ComesIn
):
    wrong = {"contact": {"email": "not one"}}
    own = comes_in("customer.updated", {"customer_id": "cus123", "storefront": "au", **wrong})
    of_all = comes_in("customer.updated", {"customer_id": "cus123", **wrong})
    for code in ("typo", 5):
        comes_in("customer.updated", {"customer_id": "cus123", "storefront": code, **wrong})

    assert [letter["id"] for letter in letters_about("cus123", storefront)] == [own.event_id, of_all.event_id]


@pytest.mark.parametrize(
    "of_another",
    [
        {"type": "inventory.stock.adjusted", "subject": "cus123", "data": {"product_id": "cus123"}},
        {"type": "payment.captured", "subject": "cus123", "data": {"psp_reference": "cus123"}},
        {"type": "payment.captured", "data": {"metadata": {"customer_id": "cus123"}}},
        {"type": "order.requested", "subject": "cus123", "data": {"storefront": "typo", "order": {"customer_id": "c"}}},
        {"subject": "cus123", "data": {"customer_id": "cus123", "storefront": "nz", "contact": {"email": "not one"}}},
        {"type": "customer.erased", "subject": "cus123", "data": {"customer_id": ["cus123"]}},
        {"data": {"customer_id": "cus1234", "contact": {"email": "not one"}}},
    ],
)
def test_a_dead_letter_about_others_stays(storefront, other_storefront, comes_in: ComesIn, of_another):
    event = comes_in(of_another.pop("type", "customer.updated"), **of_another)
    assert event.state == "dead"

    erasing.erase_customer(storefront, "cus123", call=Call(system("test")))

    assert IncomingEvent.objects.get().state == "dead"
    assert list(letters_about("cus123", storefront)) == []


def test_what_came_in_and_is_no_event_is_dropped_where_it_names_the_customer(storefront, database):
    source = MemorySource()
    source.waiting += [
        b'{"customer_id": "cus123", "name": "Ann',
        b"cus123 has moved",
        b"cus1234 has moved",
        b'["cus123"]',
    ]
    Consumer("memory", source).drain()

    erasing.erase_customer(storefront, "cus123", call=Call(system("test")))

    left = IncomingEvent.objects.dead().order_by("pk").values_list("body", flat=True)
    assert [bytes(body or b"") for body in left] == [b"cus1234 has moved"]


def test_what_an_erased_customer_has_asked_for_is_never_placed(api, comes_in: ComesIn):
    asked = {"customer_id": "cus123", "note": "marker", "items": [{"product_id": "cup", "quantity": 1}]}
    api.post("/api/v1/orders", asked, content_type="application/json", headers={"Prefer": "respond-async"})

    assert comes_in("customer.erased", {"customer_id": "cus123"}).state == "handled"

    request = RequestedOrder.objects.get()
    assert (request.state, request.customer_id, (request.rejection or {})["code"]) == (
        "rejected",
        "erased",
        "customer_erased",
    )
    assert operations.place_requested().placed == 0
    assert not Order.all_objects.exists()
