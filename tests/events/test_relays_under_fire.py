"""Three relays on one file, killed again and again while four writers append: an audit of log against
file."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from events.models import Event, OutboxEntry
from events.outbox import append
from events.relay import Relay
from events.sinks.ndjson_file import NdjsonFileSink
from tests.processes import running

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.slow]

FIRE_SECONDS = 7
BATCH = 20
STREAMS = [uuid7() for _ in range(25)]


class _Undo(Exception):
    pass


def test_nothing_is_lost_or_invented_and_nothing_overtakes(
    settings, tmp_path, make_event, command_environment, manage_py
):
    path = tmp_path / "events.ndjson"
    settings.EVENT_SINKS = [f"file:{path}"]
    environment = command_environment | {"EVENT_SINKS": f"file:{path}", "LOG_LEVEL": "ERROR"}
    stop = threading.Event()
    writers = [threading.Thread(target=_write, args=[make_event, stop, random.Random(seed)]) for seed in range(4)]

    kills = 0
    with ExitStack() as started:

        def start_relay():
            command = [sys.executable, manage_py, "relay_events", "--batch", str(BATCH)]
            return started.enter_context(running(command, env=environment, stderr=subprocess.DEVNULL))

        started.callback(stop.set)
        for writer in writers:
            writer.start()
        relays = [start_relay() for _ in range(3)]
        end = time.monotonic() + FIRE_SECONDS
        while time.monotonic() < end:
            time.sleep(0.8)
            victim = relays.pop(0)
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait()
            kills += 1
            relays.append(start_relay())
        stop.set()
        for writer in writers:
            writer.join()
        for relay in relays:
            relay.terminate()
            relay.wait(120)
    Relay("file", NdjsonFileSink(str(path))).drain()

    wanted = set(Event.objects.values_list("stream_id", "sequence"))
    got = [(event["subject"], int(event["sequence"])) for event in map(json.loads, path.read_text().splitlines())]
    audit = _audit({(str(stream), sequence) for stream, sequence in wanted}, got)
    assert audit["lost"] == audit["phantom"] == audit["overtaken"] == audit["gaps"] == 0, audit
    assert audit["repeated"] <= kills * BATCH, "only what a killed relay had in hand may come again"
    assert len(wanted) > 100, "the writers did too little for the audit to mean anything"
    assert not OutboxEntry.objects.exists()


def _audit(wanted, got):
    """Counts of events lost, invented, repeated, delivered for the first time too early, and missing in the
    log."""
    highest: Counter[str] = Counter()
    overtaken = repeated = 0
    seen = set()
    for stream, sequence in got:
        if (stream, sequence) in seen:
            repeated += 1
            continue
        seen.add((stream, sequence))
        overtaken += sequence != highest[stream] + 1
        highest[stream] = max(highest[stream], sequence)
    return {
        "wanted": len(wanted),
        "lost": len(wanted - seen),
        "phantom": len(seen - wanted),
        "repeated": repeated,
        "overtaken": overtaken,
        "gaps": sum(sequence > 1 and (stream, sequence - 1) not in wanted for stream, sequence in wanted),
    }


def _write(make_event, stop, rng):
    """Append to one or two streams at a time; some transactions commit late, some are undone."""
    try:
        while not stop.is_set():
            try:
                with transaction.atomic():
                    _append_next(make_event, sorted(rng.sample(STREAMS, rng.choice([1, 1, 2]))), rng)
                    if rng.random() < 0.2:
                        time.sleep(rng.random() * 0.05)
                    if rng.random() < 0.05:
                        raise _Undo
            except _Undo:
                pass
    finally:
        connection.close()


def _append_next(make_event, streams, rng):
    events = []
    with connection.cursor() as cursor:
        for stream in streams:
            # Stands for the lock of whatever row the stream is about.
            cursor.execute("select pg_advisory_xact_lock(%s)", [STREAMS.index(stream)])
            cursor.execute("select coalesce(max(sequence), 0) from events_event where stream_id = %s", [stream])
            (last,) = cursor.fetchone()
            events += [make_event(stream, last + step) for step in range(1, rng.choice([2, 2, 4]))]
    append(events)
