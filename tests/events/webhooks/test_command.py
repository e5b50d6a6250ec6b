"""`manage.py relay_events` sends webhooks beside the sinks."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading

import pytest
from django.core.management import call_command

from events.webhooks.models import WebhookDelivery
from tests.events.webhooks.pacing import wait_until
from tests.events.webhooks.receiving import Received, Told
from tests.processes import running

pytestmark = pytest.mark.usefixtures("database")


def test_once_sends_what_is_due_and_ends(shop, endpoint_at, append_stream):
    endpoint_at(shop.url)
    shop.answer = lambda received: Told(400 if received.event["sequence"] == "0000000002" else 200)
    append_stream(3)
    report = io.StringIO()

    call_command("relay_events", "--once", stderr=report, no_color=True)

    assert report.getvalue() == "Delivered 2 webhooks; 1 attempts failed.\n"
    assert sorted(shop.sequences) == [1, 2, 3]


def test_a_single_sink_is_served_without_webhooks(shop, endpoint_at, append_stream, settings):
    settings.EVENT_SINKS = ["memory"]
    endpoint_at(shop.url)
    append_stream(1)

    call_command("relay_events", "--once", "--sink", "memory", stderr=io.StringIO())

    assert shop.received == []


def test_a_running_relay_sends_them_and_ends_when_it_is_told_to(
    shop, endpoint_at, append_stream, command_environment, manage_py, settings
):
    endpoint_at(shop.url)
    environment = command_environment | {
        "EVENT_SINKS": "",
        "WEBHOOK_ALLOW_PRIVATE": "1",
        "SECRET_KEY": settings.SECRET_KEY,
    }
    with running(
        [sys.executable, manage_py, "relay_events"], env=environment, stderr=subprocess.PIPE, text=True
    ) as relay:
        append_stream(2)
        wait_until(lambda: not WebhookDelivery.objects.filter(state="pending").exists(), "both are delivered")
        relay.send_signal(signal.SIGTERM)
        _, said = relay.communicate(timeout=60)

    assert relay.returncode == 0
    assert "Delivered 2 webhooks." in said
    assert sorted(shop.sequences) == [1, 2]


@pytest.mark.long
def test_an_endpoint_that_does_not_answer_keeps_no_relay_that_is_told_to_end(
    shop, endpoint_at, append_stream, command_environment, manage_py, settings
):
    asked, released = threading.Event(), threading.Event()

    def hang(received: Received) -> Told:
        asked.set()
        released.wait(120)
        return Told(200)

    shop.answer = hang
    endpoint_at(shop.url)
    environment = command_environment | {
        "EVENT_SINKS": "",
        "WEBHOOK_ALLOW_PRIVATE": "1",
        "SECRET_KEY": settings.SECRET_KEY,
    }
    with running([sys.executable, manage_py, "relay_events"], env=environment, stderr=subprocess.DEVNULL) as relay:
        append_stream(1)
        assert asked.wait(120)
        relay.send_signal(signal.SIGTERM)
        ended_as = relay.wait(120)
    released.set()

    assert ended_as == 0
    assert WebhookDelivery.objects.get().state == "pending"
