"""What docs/consuming.md shows is what comes in, and does what the page says."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from events.inbox import handlers
from events.inbox.sources.configured import SOURCE_CLASSES, configured
from inventory_client.models import Stock
from orders.models import Order, PaymentRecord
from orders.operations import place_requested
from tests.orders.incoming.conftest import ComesIn
from tests.papers.pages import blocks, rows, section

PAGE = "docs/consuming.md"
EVENTS = {
    event["type"]: event for language, text in blocks(PAGE) if language == "json" for event in [orjson.loads(text)]
}


def test_the_table_of_types_has_every_type_that_is_handled_and_no_other():
    shown = [cells[0].strip("`") for cells in rows(section(PAGE, "Events"))]

    assert sorted(shown) == handlers.handled_types()


def test_the_table_of_sources_has_every_source_as_it_is_configured():
    shown = [cells[0].partition("`")[2].partition("`")[0] for cells in rows(section(PAGE, "Sources"))]

    kinds = [source.kind for address in shown for source in configured((address,)).values()]
    assert sorted([*kinds, "memory"]) == sorted(SOURCE_CLASSES)


def bring(comes_in: ComesIn, event_type: str, **changes: Any) -> str:
    event = EVENTS[event_type]
    outside = {name: value for name, value in event.items() if name not in ("type", "data")}
    came = comes_in(event_type, {**event["data"], **changes}, **outside)
    assert came.last_error == ""
    return str(came.state)


def test_every_event_of_the_page_has_the_effect_that_the_page_tells(place_order, comes_in: ComesIn):
    order = place_order(cup=2)
    reservation_id = str(Order.objects.get().reservation_id)

    assert bring(comes_in, "payment.captured", number=order["number"]) == "handled"
    assert bring(comes_in, "customer.updated") == "handled"
    assert bring(comes_in, "inventory.reservation.reduced", reservation_id=reservation_id) == "handled"
    assert bring(comes_in, "inventory.stock.adjusted") == "handled"
    assert bring(comes_in, "order.requested") == "handled"

    assert place_requested() == (1, 0, 0)
    assert Order.objects.exclude(pk=order["id"]).get().total_amount == 2598
    changed = Order.objects.get(pk=order["id"])
    assert (changed.captured_amount, PaymentRecord.objects.get().psp) == (3098, "adyen")
    assert (changed.contact_email, changed.shipping_address["city"]) == ("ann@example.com", "Sydney")
    assert changed.tags == ["recalculate-shipping"]
    assert [hold["kind"] for hold in changed.holds] == ["manual"]
    assert Stock.objects.get().on_hand == 40


def test_an_expired_reservation_of_the_page_holds_its_order_up(place_order, comes_in: ComesIn):
    place_order(cup=2)

    reservation_id = str(Order.objects.get().reservation_id)

    assert bring(comes_in, "inventory.reservation.expired", reservation_id=reservation_id) == "handled"
    assert len(Order.objects.get().holds) == 1


def test_the_handler_of_the_page_works(place_order, comes_in: ComesIn, monkeypatch: pytest.MonkeyPatch):
    order = place_order(cup=1)
    (code,) = [text for language, text in blocks(PAGE) if language == "python"]
    monkeypatch.setattr(handlers, "_handlers", {})
    exec(code, {"__name__": "example"})

    assert comes_in("fraud.suspected", {"number": order["number"]}).state == "handled"
    assert [hold["kind"] for hold in Order.objects.get().holds] == ["fraud"]
    assert comes_in("fraud.suspected", {"number": "AU-NOSUCHORDER"}).state == "dead"
