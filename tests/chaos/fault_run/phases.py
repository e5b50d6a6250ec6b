"""The parts of a large run, one after the other, and what is printed of them. Runs on a database of its own."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from events.models import Event
from orders_project.embedded_pg import Cluster
from tests.chaos.fault_run.backlog import Placing, backlog, postmaster_of
from tests.chaos.fault_run.black_hole import delays, percentile
from tests.chaos.fault_run.brokers import Broker, FileBroker, NatsBroker, RabbitBroker, RedisBroker
from tests.chaos.fault_run.fire import Fire
from tests.chaos.fault_run.takeover import takeovers
from tests.chaos.fault_run.writers import open_shop
from tests.chaos.live_server import environment
from tests.events.webhooks.receiving import Told

# Longer than the 30 seconds for which a relay's transaction may be idle.
_STOPPED_SECONDS: Final = 35.0
_PROGRAMS: Final[Sequence[tuple[str, Callable[[ExitStack, Path], Broker]]]] = (
    ("redis-server", RedisBroker),
    ("nats-server", NatsBroker),
    ("rabbitmq-server", RabbitBroker),
)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def under_fire(directory: Path, cluster: Cluster, *, events: int, minutes: float) -> bool:
    """True where nothing was lost, invented or overtaken."""
    with ExitStack() as stack:
        brokers: list[Broker] = [FileBroker(directory / "events.ndjson")]
        for program, kind in _PROGRAMS:
            if shutil.which(program):
                brokers.append(kind(stack, directory))
            else:
                say(f"  {program} is not installed: left out")
        for broker in brokers:
            broker.start()
        settings.EVENT_SINKS = [broker.url for broker in brokers]
        with Fire(directory, brokers, most=100) as fire:
            cycle = _cycle(fire, cluster)
            began, done, rounds = time.monotonic(), 0, 0
            while rounds == 0 or fire.writers.changes < events or time.monotonic() < began + 60 * minutes:
                for fault in cycle:
                    fire.wait_for_more()
                    fault()
                    done += 1
                if rounds == 0:
                    fire.add_endpoint("endpoint made in the middle")
                rounds += 1
            fire.wait_for_more()
            seconds = time.monotonic() - began
            fire.settle()
            audits, broken = fire.audits(), fire.broken()
            say(
                f"  {Event.objects.count():,} events, {done} faults in {seconds:,.0f} s of which {fire.relays.killed}"
                f" × kill -9 of a relay; the writers: {dict(fire.writers.done)}"
            )
    for name, audit in audits.items():
        say(f"  {name:<28} {audit}")
    say(f"  the log itself: {broken or 'without a gap, and all there that was acknowledged'}")
    return not broken and all(audit.faults == 0 and audit.received > 0 for audit in audits.values())


def _cycle(fire: Fire, cluster: Cluster) -> Sequence[Callable[[], object]]:
    kill = fire.relays.kill_one

    def stop_past_the_timeout() -> None:
        def until() -> None:
            over = time.monotonic() + _STOPPED_SECONDS
            while time.monotonic() < over:
                fire.wait_for_more()

        fire.stop_relay(until)

    def crash_the_database() -> None:
        """An immediate shutdown: nothing is written any more, and recovery follows."""
        os.kill(postmaster_of(cluster.data), signal.SIGQUIT)
        while cluster.ready():
            time.sleep(0.05)
        cluster.ensure()
        connection.close()  # ours is gone as well

    def refuse_webhooks() -> None:
        shop = fire.shops[0].receiver
        shop.answers(Told(503))
        time.sleep(3)
        shop.answers(Told())

    def want_a_queue(broker: RabbitBroker) -> None:
        broker.unbind()
        fire.wait_for_more()
        broker.bind()

    faults: list[Callable[[], object]] = [kill, kill, stop_past_the_timeout, kill, crash_the_database, kill]
    for broker in fire.brokers:
        if not isinstance(broker, FileBroker):
            faults += [partial(fire.restart, broker, after=fire.wait_for_more), kill]
        if isinstance(broker, RabbitBroker):
            faults += [partial(want_a_queue, broker)]
    return [*faults, refuse_webhooks, crash_the_database, kill]


def taking_over(*, times: int) -> None:
    settings.EVENT_SINKS = ["memory"]
    seconds = takeovers(open_shop("to"), environment(DEBUG="1", EVENT_SINKS="memory"), times=times)
    say(f"  {times} times: median {median(seconds):.2f} s, {min(seconds):.2f} to {max(seconds):.2f} s")


def behind(directory: Path, cluster: Cluster, *, events: int, seconds: float) -> bool:
    variables = environment(DEBUG="1")
    result = backlog(open_shop("bl"), directory, variables, postmaster_of(cluster.data), events=events, seconds=seconds)

    def told(placing: Placing) -> str:
        return f"{placing.per_second:,.0f} orders/s, {placing.cpu:.2f} ms of CPU each"

    say(f"  {result.queued:,} events queued while the sink was down")
    say(f"  placing before: {told(result.before)}")
    say(f"  placing while they were queued: {told(result.while_queued)}")
    say(f"  placing while they drained: {told(result.while_draining)} (with the relays')")
    say(f"  placing afterwards: {told(result.afterwards)}")
    say(f"  drained: {result.drained_alone:,.0f} events/s; while orders were placed {result.drained:,.0f} events/s")
    say(f"  the file: {result.audit}")
    return result.audit.faults == 0


def black_hole(*, rounds: int, seconds: float) -> None:
    settings.EVENT_SINKS = []
    without, beside = delays(open_shop("bh"), rounds=rounds, seconds=seconds)
    for name, found in (("nine good endpoints", without), ("beside a black hole", beside)):
        each = [f"{percentile(values, 0.99):.2f}" for values in found]
        everything = [value for values in found for value in values]
        say(
            f"  {name}: p50 {percentile(everything, 0.5):.2f} s, p99 {percentile(everything, 0.99):.2f} s"
            f" of {len(everything):,} (p99 of each round: {' '.join(each)})"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--backlog", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("parts", nargs="+")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # what was started is ended then
    cluster = Cluster(given.home)
    call_command("migrate", verbosity=0)
    well = True
    if "fire" in given.parts:
        say("Under fire")
        well &= under_fire(given.home, cluster, events=given.events, minutes=given.minutes)
    if "takeover" in given.parts:
        say("Taken over after kill -9 of a relay that held everything")
        taking_over(times=10)
    if "black_hole" in given.parts:
        say("From a change to its arrival")
        black_hole(rounds=3, seconds=given.seconds)
    if "backlog" in given.parts:
        say("A sink that was down")
        well &= behind(given.home, cluster, events=given.backlog, seconds=given.seconds)
    say("All is well." if well else "NOT WELL: see above.")
    sys.exit(not well)
