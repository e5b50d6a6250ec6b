"""`manage.py consume_events` and `manage.py inbox`."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from events.inbox.handlers import Refused
from events.inbox.models import InboxState, IncomingEvent
from events.inbox.receiving import store
from tests.events.inbox.conftest import MakeBody
from tests.processes import running

pytestmark = pytest.mark.usefixtures("database")

# A consumer whose handler leaves something behind each time it runs.
CONSUMER = """
import os, signal, sys, uuid
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from events.inbox.handlers import handles

@handles("thing.changed", in_any_order=True)
def leave_something(event):
    User.objects.create(username=f"{event.id} {uuid.uuid4()}")
    if os.environ.get("DIE_AT") == event.id:
        if os.environ.get("DIE_BY") == "exit":
            os._exit(3)
        os.kill(os.getpid(), signal.SIGKILL)

call_command("consume_events", *sys.argv[1:])
"""


def report_of(*arguments: str) -> str:
    report = io.StringIO()
    call_command(*arguments, stdout=report, stderr=report, no_color=True)
    return report.getvalue()


def due_at_once() -> None:
    """The pauses are over."""
    IncomingEvent.objects.due().update(next_attempt_at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def waiting(handled: list[Any], body: MakeBody) -> Callable[..., None]:
    """Events that were received, and wait for their handler."""

    def come(*event_ids: str) -> None:
        store([body(event_id) for event_id in event_ids], came_by="test")

    return come


@pytest.fixture
def dead(register: Any, body: MakeBody) -> IncomingEvent:
    def refuse(event: Any) -> None:
        raise Refused("There is no such thing.")

    register("thing.changed", refuse)
    store([body("1")], came_by="test")
    call_command("consume_events", "--once", stderr=io.StringIO())
    return IncomingEvent.objects.dead().get()


def test_without_a_source_what_waits_is_handled(settings, waiting, handled):
    settings.EVENT_SOURCES = []
    waiting("1", "2")

    assert report_of("consume_events", "--once") == "Took in 0 events from no source, tried 2.\n"
    assert [event.id for event in handled] == ["1", "2"]


def test_each_source_is_read_until_it_has_nothing_more(settings):
    settings.EVENT_SOURCES = ["memory", "other=memory"]

    assert report_of("consume_events", "--once") == (
        "Took in 0 events from memory, tried 0.\nTook in 0 events from other, tried 0.\n"
    )
    assert report_of("consume_events", "--once", "--source", "other").startswith("Took in 0 events from other")


def test_a_source_that_is_not_enabled_is_refused(settings):
    settings.EVENT_SOURCES = ["memory"]

    with pytest.raises(CommandError, match=r"The source 'sqs' is not enabled\. EVENT_SOURCES enables: memory\."):
        call_command("consume_events", "--once", "--source", "sqs")


def test_once_says_when_a_source_is_down(settings):
    settings.EVENT_SOURCES = ["redis://127.0.0.1:9?stream=x"]

    with pytest.raises(CommandError, match="Source redis is down; 0 events were taken in first"):
        call_command("consume_events", "--once")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_running_consumer_cleanly(waiting, command_environment, number):
    waiting("1", "2")
    environment = command_environment | {"DJANGO_SETTINGS_MODULE": "orders_project.settings", "EVENT_SOURCES": ""}
    with running([sys.executable, "-c", CONSUMER], env=environment, stderr=subprocess.PIPE) as consumer:
        while IncomingEvent.objects.due().exists() and consumer.poll() is None:
            time.sleep(0.02)

        consumer.send_signal(number)
        _, errors = consumer.communicate(timeout=120)

    assert consumer.returncode == 0, errors.decode()
    assert b"Took in 0 events from no source, tried 2." in errors
    assert User.objects.count() == 2


def test_a_consumer_killed_in_a_handler_leaves_nothing_and_another_does_it(waiting, command_environment):
    waiting("1", "2", "3")
    environment = command_environment | {"DJANGO_SETTINGS_MODULE": "orders_project.settings", "EVENT_SOURCES": ""}
    command = [sys.executable, "-c", CONSUMER, "--once"]

    killed = subprocess.run(command, env=environment | {"DIE_AT": "2"}, capture_output=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [user.username[0] for user in User.objects.all()] == ["1"]

    due_at_once()

    subprocess.run(command, env=environment, capture_output=True, timeout=120, check=True)
    assert sorted(user.username[0] for user in User.objects.all()) == ["1", "2", "3"]
    assert dict(IncomingEvent.objects.values_list("event_id", "attempts")) == {"1": 0, "2": 1, "3": 0}
    assert set(IncomingEvent.objects.values_list("state", "last_error")) == {("handled", "")}


@pytest.mark.parametrize(("by", "returned"), [("signal", -signal.SIGKILL), ("exit", 3)])
def test_what_ends_its_process_in_every_try_becomes_a_dead_letter_too(waiting, command_environment, by, returned):
    waiting("1")
    environment = command_environment | {"DJANGO_SETTINGS_MODULE": "orders_project.settings", "EVENT_SOURCES": ""}
    command = [sys.executable, "-c", CONSUMER, "--once"]
    deadly = environment | {"DIE_AT": "1", "DIE_BY": by}

    killed = subprocess.run(command, env=deadly, capture_output=True, timeout=120, check=False)
    first = IncomingEvent.objects.get()
    IncomingEvent.objects.update(attempts=7)
    due_at_once()
    waiting("2")
    last = subprocess.run(command, env=deadly, capture_output=True, timeout=120, check=False)
    eighth = IncomingEvent.objects.get(event_id="1")
    due_at_once()
    subprocess.run(command, env=deadly, capture_output=True, timeout=120, check=True)

    assert (killed.returncode, last.returncode) == (returned, returned)
    assert (first.state, first.attempts) == ("due", 1)
    assert first.last_error.startswith("The try that began at 20")
    assert (eighth.state, eighth.attempts) == ("due", 8)
    dead = IncomingEvent.objects.dead().get()
    assert (dead.event_id, dead.attempts) == ("1", 8)
    assert dead.last_error.endswith("It was the last of 8: whoever made it must have died of it.")
    assert dead.body is not None
    assert [user.username[0] for user in User.objects.all()] == ["2"]


# --- inbox ---------------------------------------------------------------------------------------------


def test_status_tells_what_waits_and_lists_the_dead_letters(dead, body, waiting):
    store([b"no event"], came_by="queue")
    waiting("2")

    told = report_of("inbox", "status").splitlines()

    assert told[0].startswith("1 wait, the oldest due for ")
    assert told[0].endswith(" s; 2 dead letters; 0 dropped as stale.")
    assert told[1] == f"  entry {dead.pk}: thing.changed 1 from /things, after 1 tries: There is no such thing."
    assert told[2].startswith(f"  entry {IncomingEvent.objects.get(source='').pk}: no event sha256:")
    assert "from queue, after 0 tries: The message is no event in the JSON format of CloudEvents:" in told[2]


def test_dead_letters_are_made_due_again(dead):
    assert report_of("inbox", "retry", "--all", "--dry-run") == "1 dead letters would be due again.\n"
    assert report_of("inbox", "retry", "--all", "--type", "other") == "Made 0 dead letters due again.\n"
    assert report_of("inbox", "retry", str(dead.pk + 1)) == "Made 0 dead letters due again.\n"
    dead.refresh_from_db()
    assert dead.state == InboxState.DEAD

    assert report_of("inbox", "retry", str(dead.pk)) == "Made 1 dead letters due again.\n"

    dead.refresh_from_db()
    assert (dead.state, dead.attempts) == ("due", 0)


def test_a_dead_letter_is_dropped_with_a_reason(dead):
    with pytest.raises(CommandError, match="The reason is empty"):
        call_command("inbox", "drop", str(dead.pk), "--reason", " ")

    assert report_of("inbox", "drop", str(dead.pk), "--reason", "theirs") == f"Dropped entry {dead.pk}.\n"

    dead.refresh_from_db()
    assert (dead.state, dead.last_error.endswith(": theirs")) == ("dropped", True)
    with pytest.raises(CommandError, match=f"No dead letter has the id {dead.pk}"):
        call_command("inbox", "drop", str(dead.pk), "--reason", "again")


@pytest.mark.parametrize("limit", ["-1", "100001"])
def test_no_more_is_listed_than_anybody_reads(limit):
    with pytest.raises(CommandError, match=f"--limit is {limit}; it must be 0 to 100000.") as refused:
        call_command("inbox", "status", f"--limit={limit}")

    assert refused.value.returncode == 2
