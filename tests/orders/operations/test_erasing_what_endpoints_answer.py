"""What an endpoint answers to a webhook while its customer is being erased is kept by nobody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.client import parse_headers
from typing import Any

import pytest
from django.db import connection

from events.webhooks.endpoints import create_endpoint
from events.webhooks.models import WebhookAttempt, WebhookEndpoint
from events.webhooks.worker import WebhookWorker
from orders.announcing.signals import order_changed
from orders.models import Order
from orders.operations.call import Call
from orders.operations.erasing import erase_customer
from orders.reading.customers import exported
from orders.rules.callers import system
from tests.events.webhooks.receiving import Received, Receiver, Told, receiver
from tests.orders.asking import done
from tests.orders.operations.test_erasing import rows_that_tell
from tests.talking import server

ANSWER = Told(200, {"X-Customer": "cus123"}, b"thanks, cus123")


@pytest.fixture
def shop(storefront, settings) -> Iterator[Receiver]:
    """An endpoint of the storefront that is told of new orders."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiver() as shop:
        create_endpoint(storefront.pk, url=shop.url, types=["order.created"], source="/storefronts/au", by="staff:ann")
        yield shop


def erase(storefront) -> None:
    try:
        erase_customer(storefront, "cus123", call=Call(system("test")))
    finally:
        connection.close()


def send_all() -> None:
    WebhookWorker().drain(threading.Event())


def answers_kept() -> list[tuple[Any, ...]]:
    log = WebhookAttempt.objects.order_by("id")
    return list(log.values_list("status", "response_headers__x-customer", "response_body"))


def test_an_attempt_under_way_does_not_log_its_answer_after_the_erasure(api, storefront, shop, place_order):
    done(api, place_order(cup=1)["id"], "cancel")

    def erased_before_it_answers(received: Received) -> Told:
        erase(storefront)
        return ANSWER

    shop.answer = erased_before_it_answers
    send_all()

    assert answers_kept() == [(200, None, "")]


def test_nor_does_one_that_ends_while_the_erasure_is_not_committed(api, storefront, shop, place_order):
    done(api, place_order(cup=1)["id"], "cancel")
    shop.answers(ANSWER)
    erasing, sent = threading.Event(), threading.Event()

    def wait_with_the_commit(sender: Any, change: Any, **kwargs: Any) -> None:
        erasing.set()
        assert sent.wait(30)

    order_changed.connect(wait_with_the_commit)
    order_changed.sender_receivers_cache.clear()
    thread = threading.Thread(target=erase, args=[storefront])
    try:
        thread.start()
        assert erasing.wait(30)
        send_all()
    finally:
        sent.set()
        thread.join()
        order_changed.disconnect(wait_with_the_commit)
        order_changed.sender_receivers_cache.clear()

    assert answers_kept() == [(200, None, "")]


def test_what_an_endpoint_said_that_is_no_http_is_erased_as_its_answers_are(api, storefront, shop, place_order):
    order_id = place_order(cup=1)["id"]
    done(api, order_id, "cancel")

    def thank(connection: socket.socket) -> None:
        request = connection.makefile("rb")
        request.readline()
        request.read(int(parse_headers(request)["Content-Length"]))
        connection.sendall(b"thanks, cus123\r\n")

    with server(thank) as port:
        WebhookEndpoint.objects.update(url=f"http://127.0.0.1:{port}/")
        send_all()
    told = exported(Order.objects.get())["webhook_answers"]

    erase(storefront)

    assert [answer["body"] for answer in told] == ["thanks, cus123\r\n"]
    assert rows_that_tell("thanks, cus123") == []


def test_the_answer_about_somebody_else_is_kept(api, storefront, shop, place_order):
    done(api, place_order(cup=1)["id"], "cancel")
    place_order("cus-9", cup=1)

    def erased_before_it_answers(received: Received) -> Told:
        erase(storefront)
        return ANSWER

    shop.answer = erased_before_it_answers
    send_all()

    assert sorted(answers_kept(), key=str) == [(200, "cus123", "thanks, cus123"), (200, None, "")]
