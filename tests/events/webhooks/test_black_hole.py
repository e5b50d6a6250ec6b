"""Each endpoint is a queue of its own: who takes a webhook and never answers delays nobody else."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from events.webhooks.models import WebhookDelivery, WebhookEndpoint
from events.webhooks.worker import WebhookWorker
from tests.events.webhooks.pacing import due_now, wait_until
from tests.events.webhooks.receiving import Told

pytestmark = pytest.mark.usefixtures("database")


class BlackHole:
    """Takes every connection and says nothing, until it is let go of."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self.taken: list[socket.socket] = []
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.taken.append(self._listening.accept()[0])

    def let_go(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        for connection in self.taken:
            connection.close()


@contextmanager
def working(*holes: BlackHole) -> Iterator[WebhookWorker]:
    worker, stop = WebhookWorker(), threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield worker
    finally:
        stop.set()
        for hole in holes:
            hole.let_go()
        thread.join()


@pytest.mark.parametrize("ordered", [False, True])
def test_nine_endpoints_get_everything_while_one_never_answers(new_receiver, endpoint_at, append_stream, ordered):
    hole = BlackHole()
    dead, _ = endpoint_at(hole.url, ordered=ordered)
    good = [new_receiver() for _ in range(9)]
    for shop in good:
        endpoint_at(shop.url, ordered=ordered)

    with working(hole):
        append_stream(5)
        wait_until(lambda: hole.taken and all(len(shop.received) == 5 for shop in good), "all nine have the first five")
        append_stream(5)
        wait_until(lambda: all(len(shop.received) == 10 for shop in good), "all nine have the rest")

        # Nothing of the dead one has ended: what the others got did not wait for any of it.
        assert WebhookDelivery.objects.filter(endpoint_id=dead.pk, attempts=0).count() == 10

    assert len(hole.taken) <= 16


def test_more_dead_endpoints_than_there_are_turns_delay_nobody(new_receiver, endpoint_at, append_stream):
    holes = [BlackHole() for _ in range(19)]
    for hole in holes:
        endpoint_at(hole.url)
    append_stream(1)
    shop = new_receiver()

    with working(*holes):
        wait_until(lambda: sum(map(len, (hole.taken for hole in holes))) >= 8, "the holes have taken all turns")
        endpoint_at(shop.url)
        append_stream(1)
        wait_until(lambda: len(shop.received) == 1, "the good one has its event")

        assert not WebhookDelivery.objects.filter(state="pending", attempts__gt=0).exists()


def test_an_endpoint_that_was_down_is_asked_once_at_a_time_and_gets_all_once_it_answers(
    shop, endpoint_at, append_stream, send_all
):
    endpoint, _ = endpoint_at(shop.url)
    shop.answers(Told(503))
    for _ in range(5):
        append_stream(1)

    send_all()
    assert (len(shop.received), WebhookEndpoint.objects.get().down_rounds) == (5, 1)
    due_now()
    send_all()

    assert (len(shop.received), WebhookEndpoint.objects.get().down_rounds) == (6, 2)
    assert WebhookEndpoint.objects.get().paused_until is not None
    shop.answers(Told())
    due_now()
    send_all()

    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}
    endpoint.refresh_from_db()
    assert (endpoint.down_rounds, endpoint.failing_since, endpoint.paused_until) == (0, None, None)
