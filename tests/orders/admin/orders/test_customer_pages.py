"""Staff who may hand out and erase all there is about a customer, from the page of one of their orders."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.contrib.admin.models import LogEntry

from orders.models import Order
from tests.orders.asking import done, last_event, read


@pytest.fixture
def ended(api, place_order) -> Any:
    order_id = place_order("cus-1", cup=1)["id"]
    return done(api, order_id, "cancel")


def page_of(order: Any, name: str) -> str:
    return f"/admin/orders/order/{order['id']}/{name}-customer/"


def test_the_page_foretells_and_then_erases_what_has_ended(api, staff, ended, place_order):
    lead = staff("lead")
    under_way = place_order("cus-1", cup=1)

    asked = lead.get(page_of(ended, "erase")).content.decode()
    assert f"It is done to {ended['number']}." in asked
    assert f"{under_way['number']} stays as it is." in asked
    assert read(api, ended["id"]) == ended

    answer = lead.post(page_of(ended, "erase"), {"reason": "they wrote"}, follow=True)

    text = answer.content.decode()
    assert f"The customer has been erased from {ended['number']}." in text
    assert f"{under_way['number']} stays as it is." in text
    assert dict(Order.objects.values_list("number", "customer_id")) == {
        ended["number"]: "erased",
        under_way["number"]: "cus-1",
    }
    event = last_event(ended["id"])
    assert (event.data["operation"], event.actor.partition(":")[0], event.told_reason) == (
        "erase",
        "staff",
        "they wrote",
    )
    assert [entry.change_message for entry in LogEntry.objects.filter(object_id=ended["id"])] == ["Customer erased."]
    again = lead.get(page_of(ended, "erase"), follow=True).content.decode()
    assert "has been erased already" in again


def test_a_reason_is_needed(staff, ended):
    answer = staff("lead").post(page_of(ended, "erase"), {"reason": " "})

    assert "This field is required" in answer.content.decode()
    assert Order.objects.get().customer_id == "cus-1"


def test_the_export_is_a_file_with_an_order_a_line(staff, ended):
    answer = staff("lead").get(page_of(ended, "export"))

    (line,) = b"".join(answer.streaming_content).splitlines()
    assert orjson.loads(line)["order"] == ended
    assert answer.headers["Content-Disposition"] == f'attachment; filename="customer-of-{ended["number"]}.ndjson"'


def test_others_neither_see_the_buttons_nor_reach_the_pages(staff, ended):
    for group in ("support", "warehouse", "finance", "auditor"):
        client = staff(group)
        assert "-customer/" not in client.get(f"/admin/orders/order/{ended['id']}/change/").content.decode()
        for name in ("export", "erase"):
            assert client.get(page_of(ended, name)).status_code == 403
        assert client.post(page_of(ended, "erase"), {"reason": "x"}).status_code == 403
    assert "erase-customer/" in staff("lead").get(f"/admin/orders/order/{ended['id']}/change/").content.decode()
