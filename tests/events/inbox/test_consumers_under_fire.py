"""Consumers killed in the middle of their work, and brokers killed under them: no event is lost, none has its effect
twice.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from events.inbox.models import IncomingEvent
from tests.chaos.fault_run.brokers import NatsBroker, RabbitBroker, RedisBroker
from tests.events.inbox.brokers import Broker, NatsStream, RabbitMqQueue, RedisStream, named, removed_afterwards
from tests.events.inbox.conftest import MakeBody
from tests.events.inbox.test_broker_sources import needs
from tests.processes import running

pytestmark = [pytest.mark.brokers, pytest.mark.usefixtures("database")]

# What another process has had for a tenth of a second counts as abandoned: entries come many times.
CONSUMER = """
import os, signal, sys, uuid
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from events.inbox.handlers import handles
from events.inbox.sources import rabbitmq, redis_streams

redis_streams._ABANDONED_MILLISECONDS = 100
redis_streams._LOOK_FOR_ABANDONED_SECONDS = 0.1

@handles("thing.changed", in_any_order=True)
def leave_something(event):
    User.objects.create(username=f"{event.id} {uuid.uuid4()}")

if "--die" in sys.argv:
    def die(self, messages):
        os.kill(os.getpid(), signal.SIGKILL)
    rabbitmq.RabbitMqSource.acknowledge = redis_streams.RedisStreamsSource.acknowledge = die

call_command("consume_events", *[argument for argument in sys.argv[1:] if argument != "--die"])
"""
COMMAND = [sys.executable, "-c", CONSUMER]


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    needs(request.param)
    made: Broker = RedisStream(named()) if request.param == "redis" else RabbitMqQueue(named())
    with removed_afterwards(made):
        yield made


@pytest.fixture
def environment(broker: Broker, command_environment: dict[str, str]) -> dict[str, str]:
    return command_environment | {
        "DJANGO_SETTINGS_MODULE": "orders_project.settings",
        "EVENT_SOURCES": f"one={broker.address}",
    }


def effects() -> Counter[str]:
    return Counter(user.username.split()[0] for user in User.objects.all())


Server = RedisBroker | NatsBroker | RabbitBroker
SERVERS: dict[str, tuple[Callable[[ExitStack, Path], Server], Callable[[str, str], Broker]]] = {
    "redis-server": (RedisBroker, RedisStream),
    "nats-server": (NatsBroker, NatsStream),
    "rabbitmq-server": (RabbitBroker, RabbitMqQueue),
}


def test_killed_between_the_commit_and_the_acknowledgement(broker: Broker, environment: dict[str, str], body: MakeBody):
    broker.put([body(str(number)) for number in range(5)])

    killed = subprocess.run([*COMMAND, "--die"], env=environment, capture_output=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    stored = IncomingEvent.objects.count()
    assert stored >= 1
    assert effects() == {}

    with running(COMMAND, env=environment, stderr=subprocess.DEVNULL) as consumer:
        give_up_at = time.monotonic() + 120
        while len(effects()) < 5 or IncomingEvent.objects.due().exists():
            assert consumer.poll() is None
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        consumer.send_signal(signal.SIGTERM)
        assert consumer.wait(60) == 0

    assert effects() == {str(number): 1 for number in range(5)}


def test_killed_again_and_again(broker: Broker, environment: dict[str, str], body: MakeBody):
    count, kills = 300, 5
    give_up_at = time.monotonic() + 240
    for kill in range(kills):
        part = range(kill * count // kills, (kill + 1) * count // kills)
        broker.put([body(str(number)) for number in part for _ in range(2)])
        with ExitStack() as stack:
            consumers = [
                stack.enter_context(running(COMMAND, env=environment, stderr=subprocess.DEVNULL)) for _ in range(2)
            ]
            seen = len(effects())
            while len(effects()) < min(seen + 20, count):
                assert time.monotonic() < give_up_at
                time.sleep(0.02)
            for consumer in consumers:
                consumer.kill()
                consumer.wait()

    with running(COMMAND, env=environment, stderr=subprocess.DEVNULL) as last:
        while len(effects()) < count or IncomingEvent.objects.due().exists():
            assert last.poll() is None
            assert time.monotonic() < give_up_at
            time.sleep(0.05)

    assert effects() == {str(number): 1 for number in range(count)}
    assert set(IncomingEvent.objects.values_list("state", flat=True)) == {"handled"}
    assert sum(IncomingEvent.objects.values_list("attempts", flat=True)) <= kills * 2


@pytest.mark.parametrize("program", SERVERS)
def test_the_broker_is_killed_and_started_again_under_its_consumers(
    program: str, tmp_path: Path, command_environment: dict[str, str], body: MakeBody
):
    if shutil.which(program) is None:
        pytest.skip(f"There is no {program}")
    make_server, make_queue = SERVERS[program]
    count, kills = 150, 3
    give_up_at = time.monotonic() + 400
    with ExitStack() as stack:
        server = make_server(stack, tmp_path)
        server.start()
        queue = make_queue(named(), server.address)
        environment = command_environment | {
            "DJANGO_SETTINGS_MODULE": "orders_project.settings",
            "EVENT_SOURCES": f"one={queue.address}",
        }
        consumers = [
            stack.enter_context(running(COMMAND, env=environment, stderr=subprocess.DEVNULL)) for _ in range(2)
        ]
        for kill in range(kills):
            queue.put([body(str(number)) for number in range(kill * count // kills, (kill + 1) * count // kills)])
            seen = len(effects())
            while len(effects()) < seen + 10:
                assert [consumer.poll() for consumer in consumers] == [None, None]
                assert time.monotonic() < give_up_at, effects()
                time.sleep(0.02)
            server.kill()
            server.start()
        while len(effects()) < count or IncomingEvent.objects.due().exists():
            assert [consumer.poll() for consumer in consumers] == [None, None]
            assert time.monotonic() < give_up_at, effects()
            time.sleep(0.05)

    assert effects() == {str(number): 1 for number in range(count)}
    assert set(IncomingEvent.objects.values_list("state", "attempts")) == {("handled", 0)}
