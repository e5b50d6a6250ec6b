"""Times of the back office: in the zone of whoever reads them, or of their storefront."""

import csv
import io
import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.admin import site as admin_site
from django.contrib.auth.models import User
from django.utils import timezone

from events.inbox.models import IncomingEvent
from events.models import Event, OutboxEntry, SkippedEvent
from orders.admin.display.moments import in_words
from orders.admin.event_pages import LimitedOutboxEntryAdmin
from orders.admin.orders.narrowing import order_filters, read
from orders.models import Order, StaffSettings, Storefront
from tests.orders.admin.conftest import listed, operation_page, page_of

LIST = "/admin/orders/order/"
SETTINGS = "/admin/your-settings/"


@pytest.fixture
def order(order_in):
    return order_in("pending")


def placed_at(order, *moment):
    Order.objects.filter(pk=order.pk).update(placed_at=datetime(*moment).replace(tzinfo=UTC))


def own_zone(name):
    StaffSettings.objects.create(user=User.objects.get(username="ann"), time_zone=name)


def times_on(response):
    """Each with its UTC, once."""
    found = re.findall(r'<time datetime="([^"]+)" title="([^"]+)">([^<]+)</time>', response.content.decode())
    return set(found)


def test_are_utc_as_long_as_nobody_says_otherwise(admin, order):
    placed_at(order, 2026, 11, 30, 21, 47, 5)

    assert ("2026-11-30T21:47:05Z", "2026-11-30 21:47:05 UTC", "2026-11-30 21:47 UTC") in times_on(
        admin.get(page_of(order))
    )
    assert "Placed (UTC)" in admin.get(LIST).content.decode()


def test_are_the_storefronts_with_utc_at_hand(admin, order):
    placed_at(order, 2026, 11, 30, 21, 47, 5)
    Storefront.objects.update(time_zone="Australia/Sydney")

    page, list_page = admin.get(page_of(order)), admin.get(LIST)

    assert ("2026-11-30T21:47:05Z", "2026-11-30 21:47:05 UTC", "2026-12-01 08:47 AEDT") in times_on(page)
    assert ("2026-11-30T21:47:05Z", "2026-11-30 21:47:05 UTC", "2026-12-01 08:47") in times_on(list_page)
    assert "Placed (Sydney)" in list_page.content.decode()


def test_ones_own_zone_goes_before_that_of_the_storefront(admin, order):
    placed_at(order, 2026, 11, 30, 21, 47)
    Storefront.objects.update(time_zone="Australia/Sydney")
    own_zone("America/Sao_Paulo")

    shown = {text for _, _, text in times_on(admin.get(page_of(order)))}

    assert "2026-11-30 18:47 UTC-03:00" in shown


def test_a_list_of_storefronts_in_several_zones_is_in_utc_and_the_page_of_an_order_in_that_of_its_storefront(
    admin, order, other_storefront
):
    placed_at(order, 2026, 11, 30, 21, 47)
    Storefront.objects.filter(code="au").update(time_zone="Australia/Sydney")
    Storefront.objects.filter(code="nz").update(time_zone="Pacific/Auckland")

    assert "Placed (UTC)" in admin.get(LIST).content.decode()
    assert "2026-12-01 08:47 AEDT" in {text for _, _, text in times_on(admin.get(page_of(order)))}


def test_events_and_pages_of_operations_are_in_it_too(admin, order):
    Storefront.objects.update(time_zone="Asia/Kathmandu")
    Order.objects.update(reserved_until=datetime(2026, 11, 30, 21, 47, tzinfo=UTC))

    extend = unescape(admin.get(operation_page(order, "extend")).content.decode())
    page = unescape(admin.get(page_of(order)).content.decode())

    assert "its stock is held until 2026-12-01 03:32 UTC+05:45." in extend
    assert "2026-12-01 03:32 UTC+05:45" in page
    assert set(re.findall(r"[0-9]{2}:[0-9]{2} (\S+?)</time>", page)) == {"UTC+05:45"}


def test_the_log_the_outbox_and_what_came_in_are_in_it_too(admin, order):
    own_zone("Asia/Kathmandu")
    event = Event.objects.get(stream_id=order.pk)
    moment = datetime(2026, 11, 30, 21, 47, 5, tzinfo=UTC)
    IncomingEvent.objects.create(came_by="api", event_id="e1", state="due", received_at=moment)
    SkippedEvent.objects.create(
        sink="memory",
        stream_id=order.pk,
        storefront_id=order.storefront_id,
        sequence=1,
        event_id=event.pk,
        skipped_by="staff:ann",
        reason="never",
        skipped_at=moment,
    )

    shown = {
        name: {text for _, _, text in times_on(admin.get(f"/admin/events/{name}/"))}
        for name in ("event", "skippedevent", "incomingevent")
    }
    of_event = {text for _, _, text in times_on(admin.get(f"/admin/events/event/{event.pk}/change/"))}
    waiting = OutboxEntry(next_attempt_at=moment)
    with timezone.override("Asia/Kathmandu"):
        happened = in_words(event.occurred_at, seconds=True)
        tried_again = LimitedOutboxEntryAdmin(OutboxEntry, admin_site).state(waiting)

    assert happened in shown["event"]
    assert happened in of_event
    assert shown["skippedevent"] == shown["incomingevent"] == {"2026-12-01 03:32:05 UTC+05:45"}
    assert tried_again == "tried again at 2026-12-01 03:32:05 UTC+05:45"


def test_days_of_filters_are_those_of_the_zone(admin, order_in):
    Storefront.objects.update(time_zone="Australia/Sydney")
    within, before = order_in("pending"), order_in("pending")
    Order.objects.filter(pk=within.pk).update(updated_at=datetime(2026, 10, 3, 14, 0, tzinfo=UTC))
    Order.objects.filter(pk=before.pk).update(updated_at=datetime(2026, 10, 3, 13, 59, tzinfo=UTC))

    page = admin.get(f"{LIST}?updated_at_from=2026-10-04")

    assert listed(page) == [within.number]
    assert "Changed since: 2026-10-04 (Australia/Sydney)" in page.content.decode()
    assert "Changed since (Sydney)" in page.content.decode()


@pytest.mark.parametrize(
    ("zone", "day", "since", "before"),
    [
        ("UTC", "2026-10-04", "2026-10-04T00:00", "2026-10-05T00:00"),
        # Sydney goes from UTC+10 to UTC+11 at 2 o'clock on 4 October 2026: that day has 23 hours.
        ("Australia/Sydney", "2026-10-04", "2026-10-03T14:00", "2026-10-04T13:00"),
        ("Australia/Sydney", "2026-10-05", "2026-10-04T13:00", "2026-10-05T13:00"),
        # And back at 3 o'clock on 5 April: 25 hours.
        ("Australia/Sydney", "2026-04-05", "2026-04-04T13:00", "2026-04-05T14:00"),
        # Where the clocks go forward at midnight, the day begins at 1 o'clock.
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", "2026-04-24T21:00"),
    ],
)
def test_a_day_has_as_many_hours_as_it_has_there(zone, day, since, before):
    with timezone.override(zone):
        asked = read({"placed_at_from": [day], "placed_at_to": [day]}, order_filters([])).asked

    told = [f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M}" for moment in (asked.since, asked.before) if moment]
    assert told == [since, before]


def test_times_in_the_hour_that_comes_twice_are_told_apart(admin, order):
    Storefront.objects.update(time_zone="Europe/Berlin")

    shown = []
    for hour in (0, 1):
        placed_at(order, 2026, 10, 25, hour, 30)
        shown += [text for _, _, text in times_on(admin.get(page_of(order))) if text.startswith("2026-10-25")]

    assert shown == ["2026-10-25 02:30 CEST", "2026-10-25 02:30 CET"]


def test_an_export_says_in_which_zone_its_times_are(admin, order):
    placed_at(order, 2026, 11, 30, 21, 47, 5)
    own_zone("Australia/Sydney")

    text = b"".join(admin.post(f"{LIST}export.csv").streaming_content).decode().removeprefix("\ufeff")
    (row,) = csv.DictReader(io.StringIO(text))

    assert (row["placed_at"], row["time_zone"]) == ("2026-12-01T08:47:05+11:00", "Australia/Sydney")


def test_everybody_sets_their_own_and_takes_it_back(staff, order):
    browser = staff("auditor")

    answer = browser.post(SETTINGS, {"time_zone": "Europe/Berlin"}, follow=True)
    kept = StaffSettings.objects.values_list("user__username", "time_zone").get()
    browser.post(SETTINGS, {"time_zone": ""})

    assert "Your settings are kept." in answer.content.decode()
    assert '<option value="Europe/Berlin" selected>' in answer.content.decode()
    assert kept == ("auditor", "Europe/Berlin")
    assert StaffSettings.objects.values_list("time_zone", flat=True).get() == ""
    assert "Placed (UTC)" in browser.get(LIST).content.decode()


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "EST", "../etc/passwd", "UTC+3"])
def test_what_is_no_zone_is_refused(admin, order, zone):
    own = admin.post(SETTINGS, {"time_zone": zone})
    storefront = Storefront.objects.get()
    admin.post(f"/admin/orders/storefront/{storefront.pk}/change/", {"time_zone": zone})

    assert "not one of the available choices" in own.content.decode()
    assert not StaffSettings.objects.exists()
    assert Storefront.objects.get().time_zone == "UTC"


def test_a_zone_that_this_host_does_not_know_any_more_is_utc(admin, order):
    placed_at(order, 2026, 11, 30, 21, 47)
    Storefront.objects.update(time_zone="Europe/Atlantis")

    assert "2026-11-30 21:47 UTC" in {text for _, _, text in times_on(admin.get(page_of(order)))}


def test_the_api_has_utc_whoever_was_here_before(admin, api, order):
    placed_at(order, 2026, 11, 30, 21, 47)
    own_zone("Australia/Sydney")
    admin.get(page_of(order))

    assert api.get(f"/api/v1/orders/{order.pk}").json()["placed_at"] == "2026-11-30T21:47:00.000000Z"
    assert timezone.get_current_timezone_name() == "UTC"


def test_a_stranger_has_no_settings(client):
    assert client.get(SETTINGS).headers["Location"] == f"/admin/login/?next={SETTINGS}"


def test_no_page_writes_utc_beside_a_time_that_is_in_another_zone():
    wrong = {
        str(path)
        for path in Path(settings.BASE_DIR, "templates").rglob("*.html")
        if path.name != "sales_chart.html"  # days of sales are days of UTC
        and re.search(r"\|date:[^}]*\}\}|\(UTC\)|\}\} UTC", path.read_text())
    }

    assert wrong == set()
