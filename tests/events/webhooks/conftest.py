"""Endpoints of the storefront with the number 1, and receivers behind them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from events.outbox import append
from events.webhooks.endpoints import create_endpoint
from events.webhooks.models import WebhookEndpoint
from events.webhooks.worker import WebhookWorker
from tests.events.conftest import MakeEvent
from tests.events.webhooks.receiving import Receiver, receiver


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    settings.EVENT_SINKS = []


@pytest.fixture
def new_receiver() -> Iterator[Callable[[], Receiver]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(receiver())


@pytest.fixture
def shop(new_receiver: Callable[[], Receiver]) -> Receiver:
    return new_receiver()


@pytest.fixture
def endpoint_at(database: None) -> Callable[..., tuple[WebhookEndpoint, str]]:
    """An endpoint with its secret: `endpoint_at(shop.url, ordered=True)`."""

    def make(url: str, **fields: Any) -> tuple[WebhookEndpoint, str]:
        given: dict[str, Any] = {"source": "/storefronts/au", "by": "staff:ann"} | fields
        return create_endpoint(given.pop("storefront_id", 1), url=url, **given)

    return make


@pytest.fixture
def append_event(make_event: MakeEvent) -> Callable[[dict[str, Any]], None]:
    """Append the first event of a stream of its own, with this data."""

    def append_one(data: dict[str, Any]) -> None:
        append([make_event(uuid7(), 1, data=data)])

    return append_one


@pytest.fixture
def send_all() -> Callable[[], WebhookWorker]:
    """Send what is due, and return the worker that did."""

    def send() -> WebhookWorker:
        worker = WebhookWorker()
        worker.drain(threading.Event())
        return worker

    return send
