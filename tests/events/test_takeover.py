"""A relay that is killed lets go of what it held the moment its connection ends: no lease has to run out."""

import os
import signal
import subprocess
import sys
import time

import pytest
from django.db import connection

from tests.processes import running

pytestmark = pytest.mark.usefixtures("database")

# A relay whose sink hangs for ever in the middle of a batch.
HANGING = """
import sys, time
import django
django.setup()
from events.relay import Relay
from events.sinks.memory import MemorySink

class Hanging(MemorySink):
    def publish(self, events):
        print("publishing", len(events), flush=True)
        time.sleep(10_000)

Relay("memory", Hanging()).drain()
"""


def test_another_relay_takes_over_what_a_killed_one_had_in_hand(
    relay, memory_sink, append_stream, command_environment, manage_py
):
    streams = [append_stream(2) for _ in range(3)]
    environment = command_environment | {"DJANGO_SETTINGS_MODULE": "orders_project.settings", "EVENT_SINKS": "memory"}
    command = [sys.executable, "-c", HANGING]
    with running(command, env=environment, cwd=manage_py.parent, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "publishing 3\n"
        assert relay.drain() == 0  # the other holds every bucket

        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        _until_its_session_has_ended()
        taken = relay.drain()

    assert taken == 6
    for stream in streams:
        assert [event.sequence for event in memory_sink.received if event.stream_id == stream] == [1, 2]


def _until_its_session_has_ended() -> None:
    """The server notices that the socket was closed; nothing else has to happen."""
    give_up_at = time.monotonic() + 60
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "select count(*) from pg_stat_activity "
                "where datname = current_database() and application_name = 'relay memory'"
            )
            if cursor.fetchone() == (0,):
                return
            assert time.monotonic() < give_up_at
