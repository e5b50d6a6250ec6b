import io
import json
import signal
import subprocess
import sys
import time

import pytest
from django.core.management import CommandError, call_command

from events.models import OutboxEntry
from tests.processes import running

pytestmark = pytest.mark.usefixtures("database")


def test_once_drains_every_sink_and_ends(settings, tmp_path, append_stream, capsys):
    path = tmp_path / "events.ndjson"
    settings.EVENT_SINKS = ["console", f"file:{path}"]
    append_stream(3)
    report = io.StringIO()

    call_command("relay_events", "--once", stderr=report, no_color=True)

    assert report.getvalue() == "Published 3 events to console.\nPublished 3 events to file.\n"
    assert [json.loads(line)["sequence"] for line in path.read_text().splitlines()] == [
        "0000000001",
        "0000000002",
        "0000000003",
    ]
    assert capsys.readouterr().out == path.read_text()
    assert not OutboxEntry.objects.exists()


def test_sink_restricts_the_relay_to_one(settings, tmp_path, append_stream):
    settings.EVENT_SINKS = ["console", f"file:{tmp_path / 'events.ndjson'}"]
    append_stream(1)

    call_command("relay_events", "--once", "--sink", "file", stderr=io.StringIO())

    assert list(OutboxEntry.objects.values_list("sink", flat=True)) == ["console"]


def test_a_sink_that_is_not_enabled_is_refused(settings):
    settings.EVENT_SINKS = ["console"]

    with pytest.raises(CommandError, match=r"The sink 'file' is not enabled\. EVENT_SINKS enables: console\."):
        call_command("relay_events", "--once", "--sink", "file")


@pytest.mark.parametrize("batch", ["0", "10001", "99999999999999999999"])
def test_a_batch_is_of_a_number_that_a_transaction_can_hold(settings, batch):
    with pytest.raises(CommandError, match=f"--batch is {batch}; it must be 1 to 10000.") as refused:
        call_command("relay_events", "--once", f"--batch={batch}")

    assert refused.value.returncode == 2


def test_once_says_when_a_sink_is_down(settings, tmp_path, append_stream):
    settings.EVENT_SINKS = [f"file:{tmp_path / 'missing' / 'events.ndjson'}"]
    append_stream(1)

    with pytest.raises(CommandError, match="Sink file is down; 0 events were published first"):
        call_command("relay_events", "--once")

    assert OutboxEntry.objects.count() == 1


def test_events_nobody_serves_are_pointed_out(settings, append_stream):
    settings.EVENT_SINKS = ["console"]
    append_stream(1)
    settings.EVENT_SINKS = []
    report = io.StringIO()

    call_command("relay_events", "--once", stderr=report, no_color=True)

    assert report.getvalue() == (
        "Events wait for the sink 'console', which is not in EVENT_SINKS: no relay serves them.\n"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_running_relay_cleanly(
    settings, tmp_path, append_stream, command_environment, manage_py, number
):
    path = tmp_path / "events.ndjson"
    settings.EVENT_SINKS = [f"file:{path}"]
    append_stream(2)
    command = [sys.executable, manage_py, "relay_events"]
    environment = command_environment | {"EVENT_SINKS": f"file:{path}"}
    with running(command, env=environment, stderr=subprocess.PIPE) as relay:
        while (not path.exists() or path.read_bytes().count(b"\n") < 2) and relay.poll() is None:
            time.sleep(0.02)

        relay.send_signal(number)
        _, errors = relay.communicate(timeout=120)

    assert relay.returncode == 0, errors.decode()
    assert b"Published 2 events to file." in errors
    assert not OutboxEntry.objects.exists()
