"""Wherever a person was told of, nothing is left of them: in no table, and in no file that a sink gets from then on."""

from __future__ import annotations

import io
import threading
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from events.inbox.consumer import Consumer
from events.inbox.models import IncomingEvent
from events.inbox.sources.memory import MemorySource
from events.models import PARKED, Event, OutboxEntry, SkippedEvent, bucket_of
from events.webhooks.endpoints import create_endpoint
from events.webhooks.worker import WebhookWorker
from orders.models import Order, UpkeepFailure
from tests.events.webhooks.receiving import Told, receiver
from tests.orders.asking import PRICED_ITEMS, done
from tests.orders.operations.test_erasing import MARKERS, PERSON, rows_that_tell


@pytest.fixture
def sinks(settings, tmp_path) -> Any:
    """Two files; the second is told everything of people."""
    settings.EVENT_SINKS = [f"file:{tmp_path}/all", f"crm=file:{tmp_path}/crm?personal=1"]
    settings.WEBHOOK_ALLOW_PRIVATE = True
    return tmp_path


def in_files(directory: Any) -> dict[str, list[str]]:
    files = {path.name: path.read_text() for path in directory.iterdir()}
    return {marker: found for marker in MARKERS if (found := [name for name, text in files.items() if marker in text])}


def comes_in(event_id: str, **data: Any) -> None:
    event: dict[str, Any] = {"specversion": "1.0", "id": event_id, "source": "/customers", "type": "customer.updated"}
    event |= {
        "subject": "marker-customer",
        "sequence": event_id[-1],
        "data": {"customer_id": "marker-customer", **data},
    }
    source = MemorySource()
    source.waiting.append(orjson.dumps(event))
    Consumer("memory", source).drain()


def live_a_life(api, storefront) -> Any:
    """Placed and changed under keys, followed by webhooks whose endpoint repeats what it gets, sent, completed."""
    with receiver() as shop:
        shop.answer = lambda received: Told(200, {"X-Customer": "marker-customer"}, received.body[:900])
        create_endpoint(storefront.pk, url=shop.url, source="/storefronts/au", by="staff:ann", personal=True)
        placed = api.post(
            "/api/v1/orders",
            {**PERSON, "items": PRICED_ITEMS},
            content_type="application/json",
            headers={"Idempotency-Key": "placed-once"},
        ).json()
        order_id = placed["id"]
        comes_in("evt-1", contact=PERSON["contact"])
        path = f"/api/v1/orders/{order_id}?reason=marker-reason"
        assert api.patch(path, {"note": "marker-note 2"}, content_type="application/json").status_code == 200
        done(api, order_id, "confirm", {"Idempotency-Key": "confirmed-once"})
        done(api, order_id, "ship", tracking_company="DHL", tracking_number="marker-tracking")
        comes_in("evt-2", shipping_address={"name": "marker-name", "country": "XX"})
        done(api, order_id, "deliver")
        done(api, order_id, "complete")
        WebhookWorker().drain(threading.Event())
        call_command("relay_events", "--once", stderr=io.StringIO())
    return placed


def run_into_trouble(order: Order) -> None:
    """What went wrong with it was written down with what it was told."""
    event = Event.objects.filter(stream_id=order.pk).earliest("sequence")
    error = f"refused: {' '.join(MARKERS)}"
    of_event: dict[str, Any] = {
        "event_id": event.pk,
        "storefront_id": event.storefront_id,
        "stream_id": order.pk,
        "sequence": event.sequence,
    }
    OutboxEntry.objects.create(
        sink="crm", bucket=bucket_of(order.pk), attempts=9, next_attempt_at=PARKED, last_error=error, **of_event
    )
    SkippedEvent.objects.create(
        sink="crm", last_error=error, reason="marker-reason", skipped_by="staff:ann", **of_event
    )
    UpkeepFailure.objects.create(
        order=order,
        storefront_id=order.storefront_id,
        upkeep="settle",
        error=error,
        failed_at=timezone.now(),
        retry_at=timezone.now(),
    )


def test_nothing_is_left_in_any_table_or_in_what_sinks_get_from_then_on(api, stock, storefront, sinks):
    stock(cup=10, plate=10)
    order = live_a_life(api, storefront)
    run_into_trouble(Order.objects.get())
    support = Client()
    support.force_login(User.objects.create_superuser("ann"))
    support.get("/admin/orders/order/?q=marker-mail@example.com")
    support.get(f"/admin/orders/order/{order['id']}/change/")
    states = dict(IncomingEvent.objects.values_list("event_id", "state"))
    planted = {marker: rows_that_tell(marker) for marker in MARKERS}
    assert states == {"evt-1": "handled", "evt-2": "dead"}
    assert {marker for marker in MARKERS if not planted[marker]} == set()
    assert {"events_inbox", "events_inbox_stream", "events_webhook_attempt", "events_outbox"} <= {
        table for tables in planted.values() for table in tables
    }
    assert in_files(sinks) != {}

    assert [order["number"] for order in erase_with_a_neutral_reason(api)["erased"]] == [order["number"]]

    assert {marker: tables for marker in MARKERS if (tables := rows_that_tell(marker))} == {}
    OutboxEntry.objects.all().delete()
    UpkeepFailure.objects.all().delete()
    for path in sinks.iterdir():
        path.write_text("")
    for sink in ("file", "crm"):
        call_command("outbox", "replay", "--sink", sink, "--all", stdout=io.StringIO())
    call_command("relay_events", "--once", stderr=io.StringIO())
    assert [len(path.read_text().splitlines()) for path in sinks.iterdir()] == [7, 7]
    assert in_files(sinks) == {}
    out = io.StringIO()
    call_command("doctor", stdout=out)
    assert "wrong" not in out.getvalue()


def erase_with_a_neutral_reason(api) -> Any:
    body = {"customer_id": "marker-customer", "reason": "request 17"}
    return api.post("/api/v1/customers/erase", body, content_type="application/json").json()
