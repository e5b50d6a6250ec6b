"""The page of what came in."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from events.inbox.models import InboxState, IncomingEvent
from orders.models import Storefront

pytestmark = pytest.mark.usefixtures("database")

URL = reverse("admin:events_incomingevent_changelist")
STAFF = ("view_incomingevent", "change_incomingevent")


@pytest.fixture
def staff(client: Client) -> Any:
    def log_in(*codenames: str) -> Client:
        user = User.objects.create_user("ann", password="secret-of-ann", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return log_in


@pytest.fixture
def dead() -> IncomingEvent:
    IncomingEvent.objects.create(came_by="queue", source="/x", event_id="0", state=InboxState.HANDLED)
    return IncomingEvent.objects.create(
        came_by="queue",
        source="/x",
        event_id="1",
        type="customer.updated",
        state=InboxState.DEAD,
        attempts=8,
        last_error="no such country",
        body=b'{"name": "Ann Smith \xff"}',
    )


def listed(response: Any) -> list[str]:
    return [event.event_id for event in response.context["cl"].result_list]


def test_dead_letters_are_found_and_made_due_again(staff: Any, dead: IncomingEvent):
    client = staff(*STAFF)

    assert listed(client.get(URL)) == ["1", "0"]
    assert listed(client.get(URL, {"state": "dead"})) == ["1"]
    assert listed(client.get(URL, {"q": " 1 "})) == ["1"]
    assert listed(client.get(URL, {"q": "2"})) == []
    answer = client.post(
        URL,
        {"action": "retry", "_selected_action": list(IncomingEvent.objects.values_list("pk", flat=True))},
        follow=True,
    )

    assert "1 dead letter is due again." in answer.content.decode()
    assert list(IncomingEvent.objects.order_by("pk").values_list("state", "attempts")) == [("handled", 0), ("due", 0)]


def test_who_may_only_look_has_no_action(staff: Any, dead: IncomingEvent):
    client = staff("view_incomingevent")

    assert 'value="retry"' not in client.get(URL).content.decode()
    client.post(URL, {"action": "retry", "_selected_action": [dead.pk]})

    dead.refresh_from_db()
    assert dead.state == InboxState.DEAD


@pytest.mark.parametrize(("permissions", "is_seen"), [([], False), (["view_personal_data"], True)])
def test_what_tells_of_people_is_shown_to_who_may_see_it(staff: Any, dead: IncomingEvent, permissions, is_seen):
    client = staff(*STAFF, *permissions)

    page = client.get(reverse("admin:events_incomingevent_change", args=[dead.pk]))

    assert page.status_code == 200
    html = page.content.decode()
    assert "no such country" in html
    assert ("Ann Smith \\xff" in html) is is_seen


def test_nothing_is_added_changed_or_deleted_there(staff: Any, dead: IncomingEvent):
    client = staff(*STAFF, "add_incomingevent", "delete_incomingevent")
    page = reverse("admin:events_incomingevent_change", args=[dead.pk])

    assert client.post(page, {"state": "handled"}).status_code == 403
    assert client.post(reverse("admin:events_incomingevent_delete", args=[dead.pk])).status_code == 403
    assert client.get(reverse("admin:events_incomingevent_add")).status_code == 403


def test_who_is_limited_to_storefronts_sees_none(staff: Any, dead: IncomingEvent, storefront: Storefront):
    client = staff(*STAFF)
    storefront.staff.add(User.objects.get())

    assert listed(client.get(URL)) == []
    client.post(URL, {"action": "retry", "_selected_action": [dead.pk]})
    dead.refresh_from_db()
    assert dead.state == InboxState.DEAD
    assert "Dead letters" not in client.get(reverse("admin:index")).content.decode()


def test_the_overview_counts_dead_letters(staff: Any, dead: IncomingEvent):
    html = staff(*STAFF).get(reverse("admin:index")).content.decode()

    assert "Dead letters" in html
    assert f"{URL}?state=dead" in html
