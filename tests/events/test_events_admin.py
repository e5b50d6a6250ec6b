import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from uuid_utils.compat import uuid7

from events.models import Event, OutboxEntry
from events.sinks.protocol import Reject

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def parked(relay, memory_sink, append_stream):
    append_stream(2)
    memory_sink.answer = lambda event: Reject("too large")
    relay.drain()
    return OutboxEntry.objects.parked().get()


@pytest.fixture
def staff(client):
    def log_in(*codenames):
        user = User.objects.create_user("ann", password="secret-of-ann", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return log_in


def listed(response):
    return list(response.context["cl"].result_list)


def test_events_are_found_by_their_id_and_by_their_stream(staff, memory_sink, append_stream):
    stream = append_stream(3)
    append_stream(1)
    client = staff("view_event")
    event = Event.objects.get(stream_id=stream, sequence=2)
    url = reverse("admin:events_event_changelist")

    assert [found.sequence for found in listed(client.get(url, {"q": str(stream)}))] == [3, 2, 1]
    assert listed(client.get(url, {"q": f" {event.pk} "})) == [event]
    assert listed(client.get(url, {"q": str(uuid7())})) == []
    assert listed(client.get(url, {"q": "AU-7K3M"})) == []
    assert len(listed(client.get(url))) == 4


def test_an_event_is_shown_but_cannot_be_changed(staff, memory_sink, append_stream):
    append_stream(1)
    client = staff("view_event", "change_event", "delete_event", "add_event")
    url = reverse("admin:events_event_change", args=[Event.objects.get().pk])

    page = client.get(url)

    assert page.status_code == 200
    assert "thing.changed" in page.content.decode()
    assert client.post(url, {"type": "x"}).status_code == 403
    assert client.post(reverse("admin:events_event_delete", args=[Event.objects.get().pk])).status_code == 403
    assert client.get(reverse("admin:events_event_add")).status_code == 403
    assert Event.objects.get().type == "thing.changed"


def test_a_parked_entry_is_made_due_by_the_action(staff, parked):
    client = staff("view_outboxentry", "change_outboxentry")
    url = reverse("admin:events_outboxentry_changelist")

    page = client.get(url, {"state": "parked"})
    answer = client.post(url, {"action": "retry", "_selected_action": [parked.pk]}, follow=True)

    assert listed(page) == [parked]
    assert "1 failed entry is due again." in answer.content.decode()
    parked.refresh_from_db()
    assert (parked.next_attempt_at, parked.attempts) == (None, 0)


def test_who_may_only_look_has_no_action(staff, parked):
    client = staff("view_outboxentry")
    url = reverse("admin:events_outboxentry_changelist")

    page = client.get(url)
    client.post(url, {"action": "retry", "_selected_action": [parked.pk]})

    assert 'value="retry"' not in page.content.decode()
    parked.refresh_from_db()
    assert parked.parked


def test_entries_are_found_by_event_and_by_stream(staff, parked):
    client = staff("view_outboxentry")
    url = reverse("admin:events_outboxentry_changelist")

    assert listed(client.get(url, {"q": str(parked.event_id)})) == [parked]
    assert [entry.sequence for entry in listed(client.get(url, {"q": str(parked.stream_id)}))] == [1, 2]
    assert listed(client.get(url, {"q": "nonsense"})) == []


def test_an_entry_is_shown_with_its_error(staff, parked):
    client = staff("view_outboxentry", "change_outboxentry")

    page = client.get(reverse("admin:events_outboxentry_change", args=[parked.pk]))

    assert page.status_code == 200
    assert "too large" in page.content.decode()
