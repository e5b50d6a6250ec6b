"""What is sent in order, and what each for itself."""

from __future__ import annotations

import threading

import pytest

from events.outbox import append
from events.webhooks.models import WebhookDelivery
from events.webhooks.worker import WebhookWorker
from tests.events.webhooks.pacing import due_now, wait_until
from tests.events.webhooks.receiving import Told

pytestmark = pytest.mark.usefixtures("database")


def test_in_order_one_that_fails_holds_the_later_ones_of_its_order_and_no_other(
    shop, endpoint_at, append_stream, send_all
):
    endpoint_at(shop.url, ordered=True)
    first, second = append_stream(3), append_stream(3)
    shop.answer = lambda received: Told(500 if received.event["subject"] == str(first) else 200)

    send_all()

    assert of(shop, second) == [1, 2, 3]
    assert of(shop, first) == [1]
    shop.answers(Told())
    due_now()
    send_all()
    assert of(shop, first) == [1, 1, 2, 3]


def test_in_order_the_rest_goes_on_once_one_is_given_up(shop, endpoint_at, append_stream, send_all):
    endpoint_at(shop.url, ordered=True)
    append_stream(3)
    shop.answer = lambda received: Told(400 if received.event["sequence"] == "0000000001" else 200)

    for _ in range(11):
        send_all()
        due_now()

    assert shop.sequences == [1] * 10 + [2, 3]
    assert list(WebhookDelivery.objects.order_by("sequence").values_list("state", flat=True)) == [
        "failed",
        "delivered",
        "delivered",
    ]


def test_fast_one_that_fails_holds_nothing(shop, endpoint_at, append_stream, send_all):
    endpoint_at(shop.url)
    append_stream(3)
    shop.answer = lambda received: Told(400 if received.event["sequence"] == "0000000001" else 200)

    send_all()

    assert sorted(shop.sequences) == [1, 2, 3]


def test_in_order_never_two_of_an_order_are_under_way_however_many_workers_there_are(
    shop, endpoint_at, make_event, append_stream
):
    endpoint_at(shop.url, ordered=True)
    lock, under_way, overlaps = threading.Lock(), set(), []

    def answer(received):
        subject = received.event["subject"]
        with lock:
            if subject in under_way:
                overlaps.append(received.event["sequence"])
            under_way.add(subject)
        threading.Event().wait(0.002)
        with lock:
            under_way.discard(subject)
        return Told()

    shop.answer = answer
    workers, stop = [WebhookWorker() for _ in range(3)], threading.Event()
    threads = [threading.Thread(target=worker.run, args=(stop,)) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        streams = [append_stream(5) for _ in range(8)]
        wait_until(lambda: not WebhookDelivery.objects.filter(state="pending").exists(), "all is delivered")
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert overlaps == []
    assert [of(shop, stream_id) for stream_id in streams] == [[1, 2, 3, 4, 5]] * 8


def test_what_was_sent_and_not_noted_is_sent_again_under_the_same_id(shop, endpoint_at, make_event, send_all):
    """As after a crash between the answer and the commit."""
    endpoint_at(shop.url)
    append([make_event(endpoint_at(shop.url + "&b")[0].pk, 1)])
    send_all()
    WebhookDelivery.objects.update(state="pending", attempts=0)

    send_all()

    assert len(shop.received) == 4
    assert len({(received.path, received.headers["webhook-id"], received.body) for received in shop.received}) == 2


def of(shop, stream_id):
    return [
        int(received.event["sequence"]) for received in shop.received if received.event["subject"] == str(stream_id)
    ]
