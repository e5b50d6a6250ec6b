"""Log and queues as staff read them: by the numbers of orders, page after page, and no further than they may see."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from events import keyset_list
from events.inbox.models import InboxState, IncomingEvent
from events.models import Event, OutboxEntry
from orders.models import Storefront
from tests.orders.asking import done, sell

LOG = "/admin/events/event/"
QUEUE = "/admin/events/outboxentry/"


@pytest.fixture
def staff(client: Client, database: None) -> Any:
    def log_in(*codenames: str, name: str = "ann") -> Client:
        user, _ = User.objects.get_or_create(username=name, is_staff=True, is_active=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return log_in


@pytest.fixture
def memory_sink(settings: Settings) -> None:
    """Nobody empties its queue."""
    settings.EVENT_SINKS = ["memory"]


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset_list.ReadByKey, "list_per_page", 2)


def listed(answer: Any) -> list[str]:
    return [f"{row.number} {row.sequence}" for row in answer.context["cl"].result_list]


def test_the_log_names_orders_and_people(staff: Any, api: Any):
    order = sell(api)
    done(api, order["id"], "confirm")

    page = staff("view_event").get(LOG).content.decode()

    assert f'href="/admin/orders/order/{order["id"]}/change/">{order["number"]}</a>' in page
    assert "the key “" in page
    assert "key:" not in page
    assert "order.updated" in page


@pytest.mark.parametrize("typed", ["{number}", " #{number} ", "{id}"])
def test_events_are_found_by_the_number_of_their_order(staff: Any, api: Any, typed: str):
    order, _ = sell(api), sell(api)

    answer = staff("view_event").get(LOG, {"q": typed.format(**order)})

    assert listed(answer) == [f"{order['number']} 1"]


def test_the_list_goes_on_where_a_page_ended_and_back_again(staff: Any, api: Any, short_pages: None):
    order = sell(api)
    for _ in range(4):
        done(api, order["id"], "comment", text="So be it.")
    client = staff("view_event")

    first = client.get(LOG)
    second = client.get(LOG + first.context["cl"].next_page)
    third = client.get(LOG + second.context["cl"].next_page)
    back = client.get(LOG + third.context["cl"].previous_page)

    pages = [[row.sequence for row in answer.context["cl"].result_list] for answer in (first, second, third, back)]
    assert pages == [[5, 4], [3, 2], [1], [3, 2]]
    assert (first.context["cl"].previous_page, third.context["cl"].next_page) == ("", "")


def test_no_page_of_the_list_counts_or_skips_rows(staff: Any, api: Any, short_pages: None):
    order = sell(api)
    done(api, order["id"], "confirm")
    client = staff("view_event", "view_outboxentry")

    with CaptureQueriesContext(
        connection,
    ) as asked:
        client.get(LOG, {"before": str(Event.objects.order_by("-id").values_list("pk", flat=True)[0])})
        client.get(QUEUE)

    told = " ".join(query["sql"].lower() for query in asked.captured_queries)
    assert "count(" not in told
    assert "offset" not in told


def test_a_place_that_is_none_is_said(staff: Any, api: Any):
    sell(api)

    answer = staff("view_event").get(LOG, {"before": "nonsense"}, follow=True)

    assert "“nonsense” is no place in this list" in answer.content.decode()
    assert len(listed(answer)) == 1


def test_what_no_index_answers_is_looked_for_a_stretch_at_a_time(
    staff: Any, api: Any, storefront: Storefront, monkeypatch: pytest.MonkeyPatch
):
    """Ann sees a storefront whose only event lies behind four of another one's."""
    order = sell(api)
    other = Storefront.objects.create(code="nz", name="New Zealand", number_prefix="NZ")
    client = staff("view_event")
    other.staff.add(User.objects.get(username="ann"))
    monkeypatch.setattr(keyset_list, "_STRETCH", 1)
    monkeypatch.setattr(keyset_list, "_SECONDS", 0)
    done(api, order["id"], "confirm")

    first = client.get(LOG)

    page = first.content.decode()
    assert listed(first) == []
    assert "Go on looking" in page
    assert order["number"] not in page
    answer, steps, addresses = first, 0, []
    while answer.context["cl"].next_page:
        addresses.append(answer.context["cl"].next_page)
        answer, steps = client.get(LOG + addresses[-1]), steps + 1
    assert (listed(answer), steps) == ([], 2)
    newest = Event.objects.latest("pk")
    assert f"up to {newest.occurred_at:%Y-%m-%d %H:%M} UTC" in page
    assert f"{newest.occurred_at:%H:%M:%S}" not in page
    ids = [str(pk) for pk in Event.objects.values_list("pk", flat=True)]
    assert [pk for pk in ids if pk in page + answer.content.decode() + unquote("".join(addresses))] == []


def test_a_limited_viewers_place_is_good_for_no_other_list_and_not_made_up(
    staff: Any, api: Any, memory_sink: None, short_pages: None
):
    order = sell(api)
    done(api, order["id"], "confirm")
    done(api, order["id"], "comment", text="So be it.")
    client = staff("view_event", "view_outboxentry")
    Storefront.objects.get(code="au").staff.add(User.objects.get(username="ann"))
    newest = str(Event.objects.latest("pk").pk)
    place = client.get(LOG).context["cl"].next_page.removeprefix("?before=")

    answers = [
        client.get(url, {"before": before}, follow=True)
        for url, before in [(LOG, newest), (LOG, "A" * 200), (LOG, "é"), (LOG, place[:-4]), (QUEUE, place)]
    ]

    assert len(listed(client.get(f"{LOG}?before={place}"))) == 1
    assert ["is no place in this list" in answer.content.decode() for answer in answers] == [True] * 5


def test_a_queue_tells_how_far_it_was_looked_through_by_time_alone(
    staff: Any, api: Any, memory_sink: None, monkeypatch: pytest.MonkeyPatch
):
    sell(api)
    other = Storefront.objects.create(code="nz", name="New Zealand", number_prefix="NZ")
    client = staff("view_outboxentry")
    other.staff.add(User.objects.get(username="ann"))
    monkeypatch.setattr(keyset_list, "_STRETCH", 1)
    monkeypatch.setattr(keyset_list, "_SECONDS", 0)
    entry, event = OutboxEntry.objects.get(), Event.objects.get()

    answer = client.get(QUEUE)

    assert f"up to {event.occurred_at:%Y-%m-%d %H:%M} UTC" in answer.content.decode()
    assert f"entry {entry.pk}" not in answer.content.decode()
    assert answer.context["cl"].next_page != f"?before={entry.pk}"


def test_an_event_is_read_with_its_changes_its_payload_and_its_neighbours(staff: Any, api: Any):
    order = sell(api)
    done(api, order["id"], "confirm")
    created, updated = Event.objects.order_by("sequence")

    page = staff("view_event").get(f"{LOG}{updated.pk}/change/").content.decode()

    assert f"order.updated of {order['number']}" in page
    assert "pending → confirmed" in page
    assert "&quot;operation&quot;: &quot;confirm&quot;" in page
    assert f'href="{LOG}{created.pk}/change/"' in page


def test_an_event_says_who_has_still_to_get_it(staff: Any, api: Any, memory_sink: None):
    sell(api)
    event, entry = Event.objects.get(), OutboxEntry.objects.get()

    seen = staff("view_event", "view_outboxentry").get(f"{LOG}{event.pk}/change/").content.decode()
    hidden = staff("view_event").get(f"{LOG}{event.pk}/change/").content.decode()

    assert f"{QUEUE}{entry.pk}/change/" in seen
    assert f"{QUEUE}{entry.pk}/change/" not in hidden


def test_a_queue_entry_names_its_event_and_its_order(staff: Any, api: Any, memory_sink: None):
    order = sell(api)
    client = staff("view_outboxentry")

    row = client.get(QUEUE).content.decode()
    page = client.get(f"{QUEUE}{OutboxEntry.objects.get().pk}/change/").content.decode()

    for told in (row, page):
        assert order["number"] in told
        assert "order.created" in told


@pytest.mark.parametrize("path", [LOG, QUEUE])
def test_whoever_is_limited_to_storefronts_sees_nothing_of_others(staff: Any, api: Any, memory_sink: None, path: str):
    order = sell(api)
    client = staff("view_event", "view_outboxentry")
    other = Storefront.objects.create(code="nz", name="New Zealand", number_prefix="NZ")
    other.staff.add(User.objects.get(username="ann"))
    row = Event.objects.get() if path == LOG else OutboxEntry.objects.get()

    assert listed(client.get(path)) == []
    assert listed(client.get(path, {"q": order["number"]})) == []
    assert client.get(f"{path}{row.pk}/change/").status_code == 404


def test_what_came_in_is_laid_out_to_be_read(staff: Any):
    event = IncomingEvent.objects.create(
        came_by="queue", source="/x", event_id="1", type="t", state=InboxState.DEAD, body=b'{"name":{"first":"Ann"}}'
    )

    page = staff("view_incomingevent", "view_personal_data").get(f"/admin/events/incomingevent/{event.pk}/change/")

    assert "{\n  &quot;name&quot;: {\n    &quot;first&quot;: &quot;Ann&quot;" in page.content.decode()
    assert "Dead letter" in page.content.decode()


def test_an_empty_list_says_what_comes_next(staff: Any):
    client = staff("view_event")

    assert "Nothing has happened to any order yet." in client.get(LOG).content.decode()
    searched = client.get(LOG, {"q": "AU-NOWHERE23"}).content.decode()
    assert "Nothing fits" in searched
    assert "“AU-NOWHERE23” was looked for" in searched
    assert "yielded" not in searched
