"""A sink that is down while events pile up: what that costs those who place orders, and how fast it drains."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from benchmarks.cpu import cpu_seconds
from events.models import Event, OutboxEntry
from orders.models import Storefront
from tests.chaos.fault_run.audit import Audit, audited, log
from tests.chaos.fault_run.brokers import FileBroker
from tests.chaos.fault_run.relays import Relays
from tests.chaos.fault_run.writers import WRITERS, place

_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Placing:
    """How fast single orders were placed, and the milliseconds of CPU of each, in the writers and the database."""

    per_second: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Backlog:
    queued: int
    before: Placing
    while_queued: Placing
    while_draining: Placing
    afterwards: Placing
    drained_alone: float
    """Events a second while nobody places orders."""
    drained: float
    """And while four writers do."""
    audit: Audit


def backlog(
    storefront: Storefront,
    directory: Path,
    environment: Mapping[str, str],
    postmaster: int,
    *,
    events: int,
    seconds: float,
) -> Backlog:
    """`seconds` is how long placing is measured each time. The storefront has no endpoints."""
    folder = directory / "behind"
    file = FileBroker(folder / "events.ndjson")
    settings.EVENT_SINKS = [file.url]
    folder.mkdir()
    earlier = log()
    with ExitStack() as stack:
        relays = Relays(stack, {**environment, "EVENT_SINKS": file.url}, directory / "backlog.log", batch=500)

        def measured() -> Placing:
            return _placing(storefront, postmaster, seconds)

        measured()  # warms up, and waits until the relays are there
        before = measured()
        _until(lambda: _queued() == 0)
        gone = directory / "away"
        folder.rename(gone)  # the sink is down: its folder is missing
        _fill(storefront, events)
        while_queued = measured()
        queued = _queued()
        gone.rename(folder)
        began = _until(lambda: _queued() < queued - 500)
        left = _queued()
        half = _until(lambda: _queued() < queued // 2)
        drained_alone = (left - _queued()) / (half - began)
        left, began, placed = _queued(), time.monotonic(), Event.objects.count()
        while_draining = measured()
        drained = (left - _queued() + Event.objects.count() - placed) / (time.monotonic() - began)
        _until(lambda: _queued() == 0)
        afterwards = measured()
        _until(lambda: _queued() == 0)
        relays.end()
    known = set(earlier)
    audit = audited(file.received(), [told for told in log() if told not in known])
    return Backlog(queued, before, while_queued, while_draining, afterwards, drained_alone, drained, audit)


def _placing(storefront: Storefront, postmaster: int, seconds: float) -> Placing:
    def cpu() -> float:
        return cpu_seconds(postmaster) + time.process_time()

    used, began = cpu(), time.monotonic()
    until = began + seconds
    placed = _at_once(lambda: len(place(storefront, ["cup"])) if time.monotonic() < until else 0)
    return Placing(placed / (time.monotonic() - began), (cpu() - used) / placed * 1000)


def _fill(storefront: Storefront, events: int) -> None:
    lock, left = threading.Lock(), events

    def batch() -> int:
        nonlocal left
        with lock:
            if left <= 0:
                return 0
            left -= _BATCH
        return len(place(storefront, ["cup"] * _BATCH))

    _at_once(batch)


def _at_once(step: Callable[[], int]) -> int:
    """Four threads repeat the step until it does nothing; what they did in all."""
    totals = [0] * WRITERS

    def repeat(number: int) -> None:
        try:
            while done := step():
                totals[number] += done
        finally:
            connection.close()

    threads = [threading.Thread(target=repeat, args=[number]) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(totals)


def _queued() -> int:
    return OutboxEntry.objects.count()


def _until(fact: Callable[[], bool]) -> float:
    """When it came true."""
    give_up_at = time.monotonic() + 1800
    while not fact():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    return time.monotonic()


def postmaster_of(data: Path) -> int:
    """The process id of the server with that data directory."""
    return int((data / "postmaster.pid").read_text().split()[0])
