"""All there is about a customer is handed out, however much it is."""

from __future__ import annotations

import io
import threading
import tracemalloc

import orjson
import pytest
from django.core.management import call_command

from events.inbox.consumer import Consumer
from events.inbox.sources.memory import MemorySource
from events.webhooks.endpoints import create_endpoint
from events.webhooks.worker import WebhookWorker
from tests.events.webhooks.receiving import Told, receiver


class _Thrown(io.TextIOBase):
    """Counts lines and keeps none."""

    lines = 0

    def write(self, text: str) -> int:
        self.lines += text.count("\n")
        return len(text)


def place_for(api, customer_id: str, count: int) -> None:
    order = {"customer_id": customer_id, "note": "x" * 1000, "items": [{"product_id": "cup", "quantity": 1}]}
    for start in range(0, count, 100):
        orders = {"orders": [order] * min(100, count - start)}
        assert api.post("/api/v1/orders/batch", orders, content_type="application/json").status_code == 200


def peak_of_export(customer_id: str) -> tuple[int, int]:
    """The lines written, and the most memory (bytes) that Python had for it."""
    out = _Thrown()
    tracemalloc.start()
    call_command("customer", "export", "au", customer_id, stdout=out, stderr=io.StringIO())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return out.lines, peak


def test_many_orders_take_no_more_memory_than_some(api, stock):
    stock(cup=1000)
    place_for(api, "some", 100)
    place_for(api, "many", 400)
    call_command("customer", "export", "au", "some", stdout=_Thrown(), stderr=io.StringIO())

    (few_lines, some), (lines, many) = peak_of_export("some"), peak_of_export("many")

    assert (few_lines, lines) == (100, 400)
    assert many < some + 300 * 1024


@pytest.fixture
def told_elsewhere(api, storefront, place_order, settings) -> None:
    """An endpoint has answered with what it knows of the customer, and an event about them could not be handled."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiver() as shop:
        shop.answers(Told(200, {"X-Customer": "cus123"}, b"thanks, Ann"))
        create_endpoint(storefront.pk, url=shop.url, source="/storefronts/au", by="staff:ann")
        place_order(cup=1)
        WebhookWorker().drain(threading.Event())
    for customer_id in ("cus123", "cus1234"):
        source = MemorySource()
        data = {"customer_id": customer_id, "shipping_address": {"name": "Ann", "country": "XX"}}
        event = {"specversion": "1.0", "id": f"evt-{customer_id}", "source": "/customers", "type": "customer.updated"}
        source.waiting.append(orjson.dumps(event | {"data": data}))
        Consumer("memory", source).drain()


def test_an_export_has_what_endpoints_answered_and_what_came_in(told_elsewhere):
    out, err = io.StringIO(), io.StringIO()

    call_command("customer", "export", "au", "cus123", stdout=out, stderr=err)

    order, letter = map(orjson.loads, out.getvalue().splitlines())
    (answer,) = order["webhook_answers"]
    assert (answer["headers"]["x-customer"], answer["body"]) == ("cus123", "thanks, Ann")
    assert (letter["incoming_event"]["id"], letter["incoming_event"]["data"]["shipping_address"]["name"]) == (
        "evt-cus123",
        "Ann",
    )
    assert err.getvalue() == "Exported 1 orders of cus123, and 1 events that came in and were not handled.\n"


def test_an_export_has_what_was_asked_for_and_is_not_placed(api):
    asked = {"customer_id": "cus123", "note": "ring twice", "items": [{"product_id": "cup", "quantity": 1}]}
    later = {"content_type": "application/json", "headers": {"Prefer": "respond-async"}}
    order_id = api.post("/api/v1/orders", asked, **later).json()["id"]
    out, err = io.StringIO(), io.StringIO()

    call_command("customer", "export", "au", "cus123", stdout=out, stderr=err)
    page = api.post("/api/v1/customers/export", {"customer_id": "cus123"}, content_type="application/json").json()

    request = orjson.loads(out.getvalue())["requested_order"]
    assert (request["id"], request["status"], request["request"]["note"]) == (order_id, "requested", "ring twice")
    assert page["requested_orders"] == [request]
    assert err.getvalue() == "Exported 0 orders of cus123, 1 that were asked for and are not placed.\n"


def test_so_has_the_first_page_of_the_api(api, told_elsewhere):
    def page(**asked: str) -> dict[str, list[dict[str, object]]]:
        body = {"customer_id": "cus123", **asked}
        told: dict[str, list[dict[str, object]]] = api.post(
            "/api/v1/customers/export", body, content_type="application/json"
        ).json()
        return told

    first = page()
    after = page(after="00000000-0000-7000-8000-000000000000")

    assert [event["id"] for event in first["incoming_events"]] == ["evt-cus123"]
    assert after["incoming_events"] == []
    assert first["orders"] == after["orders"]
    assert len(first["orders"][0]["webhook_answers"]) == 1  # type: ignore[arg-type]
