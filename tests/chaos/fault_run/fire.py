"""Writers, relays, brokers and endpoints at work together, the faults they meet, and what came of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from events.models import OutboxEntry, WebhookDelivery, WebhookEndpoint
from events.webhooks.endpoints import create_endpoint
from tests.chaos.fault_run.audit import Audit, Told, audited, gaps, log
from tests.chaos.fault_run.brokers import Broker, FileBroker
from tests.chaos.fault_run.relays import Relays
from tests.chaos.fault_run.writers import Writers, open_shop
from tests.chaos.live_server import environment
from tests.chaos.schemas_kept import broken_schemas
from tests.events.webhooks.receiving import Receiver, receiver

_PATIENCE_SECONDS: Final = 120.0
# Without `order.created`: thousands of orders are placed beside the hot ones, and each webhook is a request.
_TOLD_TO_SHOPS: Final = ("order.updated", "order.deleted", "order.restored")

Fault = Callable[["Fire"], object]


@dataclass
class Shop:
    """An endpoint, and who listens there. `since` is when it was made, where that was not before all events."""

    name: str
    receiver: Receiver
    ordered: bool
    since: datetime | None = None

    def received(self) -> list[Told]:
        return [Told.read(received.body) for received in list(self.receiver.received)]


@dataclass
class Fire:
    """Three relays and four writers while the context lasts. settings.EVENT_SINKS has to name the brokers."""

    directory: Path
    brokers: Sequence[Broker]
    batch: int = 50
    most: int = 4
    stack: ExitStack = field(default_factory=ExitStack)
    shops: list[Shop] = field(default_factory=list)

    def __enter__(self) -> Fire:
        self.storefront = open_shop()
        self.add_endpoint("ordered endpoint", ordered=True, late=False)
        self.add_endpoint("fast endpoint", ordered=False, late=False)
        variables = environment(
            DEBUG="1",
            SECRET_KEY=settings.SECRET_KEY,
            WEBHOOK_ALLOW_PRIVATE="1",
            EVENT_SINKS=",".join(settings.EVENT_SINKS),
        )
        self.relays = Relays(self.stack, variables, self.directory / "relays.log", batch=self.batch)
        self.writers = self.stack.enter_context(Writers(self.storefront, most=self.most))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stack.close()

    def add_endpoint(self, name: str, *, ordered: bool = True, late: bool = True) -> UUID:
        """With `late` it is owed what is changed from now on."""
        listening = self.stack.enter_context(receiver())
        endpoint, _ = create_endpoint(
            self.storefront.pk,
            source=f"/storefronts/{self.storefront.code}",
            url=listening.url,
            by="system:fault-run",
            ordered=ordered,
            types=_TOLD_TO_SHOPS,
        )
        self.shops.append(Shop(name, listening, ordered, timezone.now() if late else None))
        return endpoint.pk

    def wait_for_more(self) -> None:
        """Until the writers have done something, and the relays as well, from now on."""
        changes, delivered = self.writers.changes, self._delivered()
        _wait_until(lambda: self.writers.changes > changes and self._delivered() > delivered, self.relays.said)

    def wait_for_all(self, changes: int) -> None:
        """Until the writers have done so much, and every endpoint has got something."""
        _wait_until(
            lambda: self.writers.changes > changes and all(shop.receiver.received for shop in self.shops),
            self.relays.said,
        )

    def stop_relay(self, until: Callable[[], object]) -> None:
        """Stop one with SIGSTOP, and let it go on after `until`, which returns once its sessions have been ended."""
        pid = self.relays.processes[-1].pid
        os.kill(pid, signal.SIGSTOP)
        try:
            until()
        finally:
            os.kill(pid, signal.SIGCONT)

    def restart(self, broker: Broker, *, after: Callable[[], object] = lambda: None) -> None:
        broker.kill()
        after()
        broker.start()

    def settle(self) -> None:
        """End the writers, let the relays bring everything where it belongs, and end them."""
        self.writers.__exit__()
        least, give_up_at = self._left(), time.monotonic() + _PATIENCE_SECONDS
        while left := self._left():
            if left < least:
                least, give_up_at = left, time.monotonic() + _PATIENCE_SECONDS
            assert time.monotonic() < give_up_at, f"{left} have not been brought. The relays said: {self.relays.said()}"
            # As if every pause were over.
            OutboxEntry.objects.held().update(next_attempt_at=None)
            WebhookDelivery.objects.pending().filter(next_attempt_at__gt=Now()).update(next_attempt_at=Now())
            WebhookEndpoint.objects.filter(paused_until__gt=Now()).update(paused_until=None)
            time.sleep(0.2)
        self.relays.end()

    def _left(self) -> int:
        return OutboxEntry.objects.count() + WebhookDelivery.objects.exclude(state="delivered").count()

    def audits(self) -> dict[str, Audit]:
        """By who received."""
        committed = log()
        found = {broker.name: audited(broker.received(), committed) for broker in self.brokers}
        for shop in self.shops:
            owed = log(since=shop.since, types=_TOLD_TO_SHOPS)
            found[shop.name] = audited(shop.received(), committed, owed=owed, ordered=shop.ordered)
        return found

    def broken(self) -> dict[str, int]:
        """What the log itself lacks."""
        committed = log()
        there = {(told.stream_id, told.sequence) for told in committed}
        counts = {"gaps": gaps(committed), "acknowledged and not there": len(self.writers.acknowledged - there)}
        counts |= {f"not as documented: {wrong}": 1 for wrong in broken_schemas()}
        return {what: count for what, count in counts.items() if count}

    def _delivered(self) -> int:
        size = sum(broker.size() for broker in self.brokers if isinstance(broker, FileBroker))
        return size + len(self.shops[0].receiver.received)


def _wait_until(fact: Callable[[], bool], said: Callable[[], str]) -> None:
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while not fact():
        assert time.monotonic() < give_up_at, f"Nothing is done any more. The relays said: {said()}"
        threading.Event().wait(0.02)
