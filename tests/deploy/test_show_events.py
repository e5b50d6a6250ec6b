"""What a profile of docker-compose.yml shows: each event that the sink of that broker has delivered."""

from __future__ import annotations

import itertools
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from moto.server import ThreadedMotoServer

from events.sinks import build_sink
from events.sinks.protocol import Ack, Sink, SinkDown
from tests.deploy.commands import ROOT
from tests.events.outgoing import event
from tests.processes import running

pytestmark = pytest.mark.brokers

WAIT: Final = 60.0
_NAME: Final = f"t{uuid4().hex}"
_SERVERS: Final = {
    "rabbitmq": (5672, f"amqp://guest:guest@127.0.0.1:5672/?exchange={_NAME}"),
    "redis": (6379, f"redis://127.0.0.1:6379/0?stream={_NAME}"),
    "nats": (4222, f"nats://127.0.0.1:4222?subject={_NAME}"),
}


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    names = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "eu-west-1"}
    for name, value in {"AWS_ENDPOINT_URL": f"http://{host}:{port}", **names}.items():
        monkeypatch.setenv(name, value)
    yield f"http://{host}:{port}"
    server.stop()


def delivered(sink: Sink, number: int) -> None:
    """Published once the consumer has made what the sink expects to be there."""
    deadline = time.monotonic() + WAIT
    while True:
        with suppress(SinkDown):
            sink.open()
            if sink.publish([event(number)]) == [Ack()]:
                break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    sink.close()


def shown(address: str, name: str, settings: Any, directory: Path) -> None:
    settings.EVENT_SINKS = [address]
    command = [sys.executable, "-m", "deploy.brokers.show_events", address]
    with (
        (directory / "shown").open("w") as output,
        running(command, cwd=ROOT, env=dict(os.environ), stdout=output, stderr=output) as process,
    ):
        deadline = time.monotonic() + WAIT
        # Of SNS and EventBridge nobody gets what came before somebody had asked for it.
        for number in itertools.count(1):
            delivered(build_sink(name), number)
            if told := (directory / "shown").read_text():
                break
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        delivered(build_sink(name), number + 1)
        while not re.search(f'"n": ?{number + 1}\\b', told := (directory / "shown").read_text()):
            assert process.poll() is None, told
            assert time.monotonic() < deadline, told
            time.sleep(0.05)
    assert {line.partition(" | ")[0] for line in told.splitlines()} == {name}


@pytest.mark.parametrize("name", _SERVERS)
def test_what_a_broker_is_sent_is_shown(name: str, settings: Any, tmp_path: Path):
    port, address = _SERVERS[name]
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        pytest.skip(f"{name} does not run on 127.0.0.1:{port}")

    shown(address, name, settings, tmp_path)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("sns", "sns:arn:aws:sns:eu-west-1:123456789012:order-events.fifo"),
        ("sqs", "sqs:<moto>/123456789012/order-events-direct.fifo"),
        ("eventbridge", "eventbridge:arn:aws:events:eu-west-1:123456789012:event-bus/order-events"),
    ],
)
def test_what_the_services_of_aws_are_sent_is_shown(moto: str, name: str, address: str, settings: Any, tmp_path: Path):
    shown(address.replace("<moto>", moto), name, settings, tmp_path)


def test_what_cannot_be_reached_ends_it_with_a_sentence():
    command = [sys.executable, "-m", "deploy.brokers.show_events", "redis://127.0.0.1:9/0"]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=WAIT)

    assert ended.returncode == 1
    assert "ConnectionError: Error 111 connecting to 127.0.0.1:9" in ended.stderr
