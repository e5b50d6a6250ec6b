"""What an endpoint that takes connections and never answers costs the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from events.models import WebhookDelivery, WebhookEndpoint
from events.webhooks.endpoints import create_endpoint
from events.webhooks.worker import WebhookWorker
from orders.models import Storefront
from tests.chaos.fault_run.writers import place
from tests.events.webhooks.receiving import Received, Told, receiver
from tests.events.webhooks.test_black_hole import BlackHole

_GOOD = 9
_PAUSE_SECONDS = 0.2


def delays(storefront: Storefront, *, rounds: int, seconds: float) -> tuple[list[list[float]], list[list[float]]]:
    """Seconds from each change to its arrival at nine good endpoints: round by round without a tenth, and with a tenth
    that never answers. Interleaved.
    """
    found: tuple[list[list[float]], list[list[float]]] = ([], [])
    with ExitStack() as stack:
        arrived: list[float] = []

        def note(received: Received) -> Told:
            happened = datetime.fromisoformat(received.event["time"]).timestamp()
            arrived.append(time.time() - happened)
            return Told()

        for _ in range(_GOOD):
            listening = stack.enter_context(receiver())
            listening.answer = note
            _endpoint(storefront, listening.url)
        for number in range(2 * rounds):
            with_hole = number % 2 == 1
            arrived.clear()
            with ExitStack() as one:
                hole = one.enter_context(_hole(storefront)) if with_hole else None
                stop = threading.Event()
                worker = threading.Thread(target=WebhookWorker().run, args=(stop,))
                worker.start()
                placed = 0
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    placed += len(place(storefront, ["cup"]))
                    time.sleep(_PAUSE_SECONDS)
                give_up_at = time.monotonic() + 60
                while len(arrived) < placed * _GOOD:
                    assert time.monotonic() < give_up_at, (len(arrived), placed * _GOOD)
                    time.sleep(0.05)
                found[with_hole].append(list(arrived))
                stop.set()
                if hole is not None:
                    hole.let_go()
                worker.join()
    return found


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def _endpoint(storefront: Storefront, url: str) -> WebhookEndpoint:
    source = f"/storefronts/{storefront.code}"
    endpoint, _ = create_endpoint(storefront.pk, source=source, url=url, by="system:fault-run", ordered=True)
    return endpoint


@contextmanager
def _hole(storefront: Storefront) -> Iterator[BlackHole]:
    hole = BlackHole()
    endpoint = _endpoint(storefront, hole.url)
    yield hole
    WebhookDelivery.objects.filter(endpoint_id=endpoint.pk).delete()
    WebhookEndpoint.objects.filter(pk=endpoint.pk).delete()
