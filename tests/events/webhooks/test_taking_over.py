"""A worker that dies holds nothing up, and what it had sent and not noted is sent again."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from django.db import connection, transaction

from events.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookTurn
from events.webhooks.worker import WebhookWorker
from tests.events.webhooks.pacing import wait_until
from tests.events.webhooks.receiving import Told

pytestmark = pytest.mark.usefixtures("database")

_CUT = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'webhooks'"


def test_a_turn_that_loses_its_database_is_taken_again(shop, endpoint_at, append_stream, send_all):
    endpoint_at(shop.url)
    append_stream(1)

    def cut(received):
        with psycopg.connect(**parameters) as other:
            other.execute(_CUT)
        shop.answers(Told())
        return Told()

    parameters = connection.get_connection_params()
    parameters = {
        name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters
    }
    shop.answer = cut

    send_all()
    assert (len(shop.received), WebhookDelivery.objects.get().attempts) == (1, 0)
    send_all()

    first, second = shop.received
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert (WebhookDelivery.objects.get().state, WebhookAttempt.objects.count()) == ("delivered", 1)


def test_two_workers_never_serve_one_endpoint_at_once(shop, endpoint_at, append_stream, send_all):
    endpoint_at(shop.url)
    append_stream(1)
    arrived, go_on = threading.Event(), threading.Event()

    def wait(received):
        arrived.set()
        go_on.wait(60)
        return Told()

    shop.answer = wait
    first, stop = WebhookWorker(), threading.Event()
    thread = threading.Thread(target=first.run, args=(stop,))
    thread.start()
    try:
        assert arrived.wait(60)
        send_all()  # finds the endpoint taken, and ends
        assert len(shop.received) == 1
        go_on.set()
        wait_until(lambda: WebhookDelivery.objects.get().state == "delivered", "the first has delivered it")
    finally:
        go_on.set()
        stop.set()
        thread.join()

    assert len(shop.received) == 1


def test_it_goes_on_after_the_database_was_away(shop, endpoint_at, append_stream):
    endpoint_at(shop.url)
    worker, stop = WebhookWorker(), threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        append_stream(1)
        wait_until(lambda: len(shop.received) == 1, "the first event has come")
        with connection.cursor() as cursor:
            cursor.execute(_CUT)
        append_stream(1)
        wait_until(lambda: len(shop.received) >= 2, "the second event has come")
    finally:
        stop.set()
        thread.join()

    assert len({received.headers["webhook-id"] for received in shop.received}) == 2


@pytest.mark.slow
def test_however_long_another_had_the_turn_it_is_taken_over_at_once(shop, endpoint_at, append_stream):
    """Whoever finds it taken comes back soon, and no later for having come in vain many times."""
    endpoint_at(shop.url)
    append_stream(1)
    worker, stop = WebhookWorker(), threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    try:
        with transaction.atomic():
            WebhookTurn.objects.select_for_update().get()
            thread.start()
            time.sleep(3.6)
        let_go_at = time.monotonic()
        wait_until(lambda: shop.received, "it is taken over")
        waited = time.monotonic() - let_go_at
    finally:
        stop.set()
        thread.join()

    assert waited < 2.5  # it was four seconds, when each pause was longer than the last
