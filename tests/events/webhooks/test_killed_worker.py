"""A worker that is killed between an endpoint's answer and what it notes of it: sent again, nothing lost, in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from django.db import connection, transaction

from events.webhooks.models import WebhookDelivery
from tests.events.webhooks.pacing import wait_until
from tests.processes import running

pytestmark = pytest.mark.usefixtures("database")


@pytest.mark.parametrize("ordered", [True, False])
def test_what_was_answered_and_not_noted_comes_again_under_the_same_id(
    shop, endpoint_at, append_stream, send_all, command_environment, manage_py, settings, ordered
):
    endpoint_at(shop.url, ordered=ordered)
    stream_id = append_stream(3)
    environment = command_environment | {
        "EVENT_SINKS": "",
        "WEBHOOK_ALLOW_PRIVATE": "1",
        "SECRET_KEY": settings.SECRET_KEY,
    }
    command = [sys.executable, manage_py, "relay_events"]
    with transaction.atomic():
        # Whoever notes what came of the first one has to wait for this.
        WebhookDelivery.objects.select_for_update().get(sequence=1)
        with running(command, env=environment, stderr=subprocess.DEVNULL) as relay:
            wait_until(_somebody_waits_to_note_it, "the answer is there and cannot be noted")
            os.kill(relay.pid, signal.SIGKILL)
            relay.wait()
    wait_until(_nobody_is_left, "its session has ended")
    before = len(shop.received)
    assert before >= 1
    assert {delivery.attempts for delivery in WebhookDelivery.objects.all()} == {0}

    send_all()

    first, *others = (received for received in shop.received if received.event["sequence"] == "0000000001")
    assert [(other.headers["webhook-id"], other.body) for other in others] != []
    assert {(other.headers["webhook-id"], other.body) for other in others} == {
        (first.headers["webhook-id"], first.body)
    }
    assert {received.event["subject"] for received in shop.received} == {str(stream_id)}
    again = [int(received.event["sequence"]) for received in shop.received[before:]]
    assert sorted(again) == [1, 2, 3]
    if ordered:
        assert shop.sequences == [1] * before + [1, 2, 3]
    assert [delivery.state for delivery in WebhookDelivery.objects.all()] == ["delivered"] * 3


def _somebody_waits_to_note_it() -> bool:
    """Whoever waits for longer than lock_timeout gives up, and sends anew."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_clear_snapshot()")  # a transaction sees what it saw first
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            " and application_name = 'webhooks' and query like '%events_webhook_delivery%'"
        )
        return bool(cursor.fetchone() != (0,))


def _nobody_is_left() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'webhooks'"
        )
        return bool(cursor.fetchone() == (0,))
