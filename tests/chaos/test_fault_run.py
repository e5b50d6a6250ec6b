"""Four writers, three relays, faults: an audit of the log against what was received. In large: `script/fault_run`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.fault_run.brokers import Broker, FileBroker, NatsBroker, RabbitBroker, RedisBroker
from tests.chaos.fault_run.fire import Fault, Fire
from tests.chaos.fault_run.relays import cut_sessions

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True


def stop_past_the_timeout(fire: Fire) -> None:
    """The server ends the sessions of a relay that was stopped in the middle; then it goes on as if nothing were."""

    def until() -> None:
        fire.wait_for_more()
        cut_sessions()
        fire.wait_for_more()

    fire.stop_relay(until)


def kill_a_relay(fire: Fire) -> None:
    fire.relays.kill_one()


def cut_everything(fire: Fire) -> None:
    cut_sessions("%")


def assert_all_is_well(fire: Fire, changes: int) -> None:
    fire.wait_for_all(changes)
    fire.settle()
    audits = fire.audits()
    assert {name: str(audit) for name, audit in audits.items() if audit.faults} == {}
    assert fire.broken() == {}
    assert all(audit.received for audit in audits.values())


def test_nothing_is_lost_or_invented_and_nothing_overtakes(database: None, settings: Any, tmp_path: Path):
    brokers: Sequence[Broker] = [FileBroker(tmp_path / "events.ndjson")]
    settings.EVENT_SINKS = [broker.url for broker in brokers]
    faults: Sequence[Fault] = [
        kill_a_relay,
        stop_past_the_timeout,
        kill_a_relay,
        lambda fire: fire.add_endpoint("endpoint made in the middle"),
        cut_everything,
        kill_a_relay,
    ]
    with Fire(tmp_path, brokers) as fire:
        for fault in faults:
            fire.wait_for_more()
            fault(fire)
        assert_all_is_well(fire, changes=100)


@pytest.mark.brokers
def test_brokers_that_are_killed_and_started_again_have_everything_in_order(
    database: None, settings: Any, tmp_path: Path
):
    for program in ("redis-server", "nats-server", "rabbitmq-server"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    with ExitStack() as stack:
        rabbitmq = RabbitBroker(stack, tmp_path)
        killed: Sequence[Broker] = [RedisBroker(stack, tmp_path), NatsBroker(stack, tmp_path), rabbitmq]
        for broker in killed:
            broker.start()
        brokers = [FileBroker(tmp_path / "events.ndjson"), *killed]
        settings.EVENT_SINKS = [broker.url for broker in brokers]
        with Fire(tmp_path, brokers) as fire:
            for broker in killed:
                fire.wait_for_more()
                fire.restart(broker, after=fire.wait_for_more)
            rabbitmq.unbind()
            fire.wait_for_more()
            rabbitmq.bind()
            assert_all_is_well(fire, changes=100)
