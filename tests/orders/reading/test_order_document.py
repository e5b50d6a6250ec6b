"""An order reads the same when it is placed, read, listed and told; events tell nothing personal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.models import Event
from events.schemas import validate
from inventory_client.stock import set_stock_levels
from inventory_client.wire import IDENTIFIER_PATTERN

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
some_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
customers = st.from_regex(IDENTIFIER_PATTERN).filter(lambda text: len(text) <= 200)
addresses = st.fixed_dictionaries(
    {},
    optional={
        **{name: text | st.none() for name in ("name", "line1", "line2", "city", "region", "postal_code")},
        "country": st.sampled_from(["AU", "NZ", "DE", None]),
    },
)


@st.composite
def new_orders(draw: st.DrawFn) -> dict[str, Any]:
    priced = draw(st.booleans())
    items = []
    for _ in range(draw(st.integers(1, 4))):
        item: dict[str, Any] = {
            "product_id": draw(st.sampled_from(["cup", "plate", "bowl"])),
            "quantity": draw(st.integers(1, 9)),
        }
        if priced:
            item["unit_amount"] = draw(st.integers(0, 10**12))
        if draw(st.booleans()):
            item["name"] = draw(text | st.none())
        items.append(item)
    optional = {
        "currency": st.sampled_from(["AUD", "JPY", "KWD", None]),
        "shipping_amount": st.integers(0, 10**12),
        "tax_amount": st.integers(0, 10**12),
        "contact": st.fixed_dictionaries(
            {}, optional={"email": st.just("a@b.co") | st.none(), "phone": st.just("+61 2 1234") | st.none()}
        ),
        "shipping_address": addresses | st.none(),
        "billing_address": addresses | st.none(),
        "note": text,
        "metadata": st.dictionaries(some_text, text, max_size=3),
    }
    return {"customer_id": draw(customers), "items": items, **draw(st.fixed_dictionaries({}, optional=optional))}


@given(body=new_orders())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_order_reads_as_it_was_placed_in_every_shape(api, body):
    set_stock_levels({"cup": 10**6, "plate": 10**6, "bowl": 10**6})

    placed = api.post("/api/v1/orders", body, content_type="application/json")

    assert placed.status_code == 201, placed.content
    read = api.get(placed.headers["Location"])
    assert read.content == placed.content or read.json() == placed.json()
    assert list(read.json()) == list(placed.json())
    assert read.headers["ETag"] == placed.headers["ETag"]
    listed = api.get("/api/v1/orders?limit=1").json()["results"]
    assert listed == [placed.json()]
    event = Event.objects.get(stream_id=placed.json()["id"])
    validate(event)
    personal = {"contact", "shipping_address", "billing_address", "note", "metadata"}
    assert event.data["order"] == {key: value for key, value in placed.json().items() if key not in personal}


PERSONAL = {
    "contact": {"email": "marker-email@example.com", "phone": "+61 000 111"},
    "shipping_address": {"name": "marker-name", "line1": "marker-street", "city": "marker-city"},
    "billing_address": {"name": "marker-billing"},
    "note": "marker-note",
    "metadata": {"gift": "marker-gift"},
}


@pytest.mark.parametrize("when", ["placed", "changed"])
def test_no_event_tells_anything_personal(api, stock, when):
    stock(cup=10)
    body = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
    first = PERSONAL if when == "placed" else {}
    path = api.post("/api/v1/orders", {**body, **first}, content_type="application/json").headers["Location"]
    first_version_path = path.replace("/api/v1/orders", "/order/update")

    api.patch(path, PERSONAL, content_type="application/json")
    api.patch(path, {"note": "marker-2", "shipping_address": {"city": "marker-3"}}, content_type="application/json")
    for status in ("confirmed", "shipped", "completed"):
        api.put(first_version_path, {"status": status, "trackingNumber": "1Z"}, content_type="application/json")
    api.delete(path)

    events = list(Event.objects.order_by("sequence"))
    assert [event.type for event in events][-1] == "order.deleted"
    for event in events:
        validate(event)
        assert "marker" not in str(event.data)
        assert "+61" not in str(event.data)
