"""What was settled long ago is forgotten, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from events.inbox import forgetting
from events.inbox.forgetting import forget_settled
from events.inbox.models import InboxState, InboxStream, IncomingEvent
from orders.management.commands.sweep import sweep
from tests.plans import cost_of_each, long_reader, vacuum

NOW = datetime(2026, 11, 30, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=36)

MANY = """
insert into events_inbox (came_by, source, event_id, state, received_at, settled_at)
select 'test', '/x', n::text, 'handled', moment, moment
  from generate_series(1, 8000) n cross join lateral (select %s::timestamptz + n * interval '1 s' as moment) as made
"""

pytestmark = pytest.mark.usefixtures("database")


def event(event_id: str, state: InboxState, *, settled_at: datetime | None = LONG_AGO) -> None:
    IncomingEvent.objects.create(
        came_by="test", source="/x", event_id=event_id, state=state, received_at=LONG_AGO, settled_at=settled_at
    )


def left() -> set[str]:
    return set(IncomingEvent.objects.values_list("event_id", flat=True))


def test_what_waits_and_dead_letters_stay_however_old():
    event("handled", InboxState.HANDLED)
    event("stale", InboxState.STALE)
    event("dropped", InboxState.DROPPED)
    event("due", InboxState.DUE, settled_at=None)
    event("dead", InboxState.DEAD, settled_at=None)
    event("handled lately", InboxState.HANDLED, settled_at=NOW)
    InboxStream.objects.create(source="/x", subject="old", sequence=1, moved_at=LONG_AGO)
    InboxStream.objects.create(source="/x", subject="new", sequence=1, moved_at=NOW)

    assert forget_settled(before=NOW - timedelta(days=35)) == 3

    assert left() == {"due", "dead", "handled lately"}
    assert [stream.subject for stream in InboxStream.objects.all()] == ["new"]


def test_it_is_done_in_slices(monkeypatch: Any):
    monkeypatch.setattr(forgetting, "_AT_ONCE", 2)
    monkeypatch.setattr(forgetting, "_MOST_SLICES", 2)
    for number in range(5):
        event(str(number), InboxState.HANDLED)

    assert forget_settled(before=NOW) == 4
    assert forget_settled(before=NOW) == 1


def test_slices_go_on_where_the_last_one_ended(monkeypatch: Any):
    monkeypatch.setattr(forgetting, "_AT_ONCE", 60)
    with connection.cursor() as cursor:
        cursor.execute(MANY, [LONG_AGO])
    vacuum("events_inbox")

    with long_reader():
        slices = cost_of_each(lambda: forget_settled(before=NOW), beginning="with due")

    assert len(slices) == 135  # the last one is of the streams
    assert max(one.pages for one in slices) <= 1.5 * slices[0].pages


def test_the_sweeper_does_it_after_the_days_that_are_set(settings: Any):
    settings.INBOX_DAYS = 10
    now = datetime.now(UTC)
    event("old", InboxState.HANDLED, settled_at=now - timedelta(days=11))
    event("new", InboxState.HANDLED, settled_at=now - timedelta(days=9))

    _, report = sweep(now)

    assert report["incoming events forgotten"] == 1
    assert left() == {"new"}
