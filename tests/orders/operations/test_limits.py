"""An order grows up to its limits and not beyond; the refusal names the limit and what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from orders.models import Credit, Order, PaymentRecord, Refund, Return, Shipment
from orders.rules.limits import PARTS
from tests.orders.asking import ask, everything, item_ids, read, sell
from tests.orders.refusals import assert_refused

NOW = timezone.now()


def add_holds(order: Order, count: int) -> None:
    hold = {"kind": "manual", "blocks": ["complete"], "placed_by": "key:a", "placed_at": "2026-01-01T00:00:00.000000Z"}
    Order.objects.filter(pk=order.pk).update(holds=[{"id": str(uuid4()), **hold} for _ in range(count)])


def add_payments(order: Order, count: int) -> None:
    known = {"order": order, "storefront": order.storefront, "kind": "authorization", "amount": 1, "currency": "AUD"}
    PaymentRecord.objects.bulk_create(
        PaymentRecord(**known, psp_reference=f"pi_{number}", occurred_at=NOW, recorded_at=NOW)
        for number in range(count)
    )


def add_credits(order: Order, count: int) -> None:
    known = {"order": order, "storefront": order.storefront, "cause": "goodwill", "amount": 0, "created_at": NOW}
    Credit.objects.bulk_create(Credit(**known) for _ in range(count))
    Order.objects.filter(pk=order.pk).update(credit_count=count, captured_amount=2000)


def add_refunds(order: Order, count: int) -> None:
    known = {"order": order, "storefront": order.storefront, "amount": 1, "requested_by": "key:a", "requested_at": NOW}
    Refund.objects.bulk_create(
        Refund(**known, state="failed", decided_by="key:b", decided_at=NOW) for _ in range(count)
    )
    facts = {"order": order, "storefront": order.storefront, "currency": "AUD"}
    times = {"occurred_at": NOW, "recorded_at": NOW}
    PaymentRecord.objects.create(**facts, **times, kind="capture", amount=2000, psp_reference="pi_1")
    Order.objects.filter(pk=order.pk).update(captured_amount=2000, payment_count=1)


def add_returns(order: Order, count: int) -> None:
    known = {"order": order, "storefront": order.storefront, "cause": "unwanted", "requested_at": NOW}
    Return.objects.bulk_create(Return(**known, state="rejected") for _ in range(count))
    Order.objects.filter(pk=order.pk).update(status="shipped", fulfillment_status="fulfilled")
    order.items.update(shipped=2)


def add_shipments(order: Order, count: int) -> None:
    known = {"order": order, "storefront": order.storefront, "shipped_at": NOW}
    Shipment.objects.bulk_create(Shipment(**known) for _ in range(count))
    Order.objects.filter(pk=order.pk).update(status="confirmed")


# What fills an order, and what asks for one more: `ask(…, operation, **body)`.
FILLED: dict[str, tuple[Callable[[Order, int], None], str, dict[str, Any]]] = {
    "holds": (add_holds, "hold", {"kind": "fraud"}),
    "payments": (add_payments, "record_payment", {"kind": "authorization", "amount": 1}),
    "credits": (add_credits, "request_refund", {"amount": 1}),
    "refunds": (add_refunds, "request_refund", {"amount": 1}),
    "returns": (add_returns, "request_return", {"cause": "unwanted", "items": [{"quantity": 1}]}),
    "shipments": (add_shipments, "ship", {"items": [{"quantity": 1}]}),
}


def asked(order: Any, body: dict[str, Any]) -> dict[str, Any]:
    if "items" in body:
        return {**body, "items": [{"item_id": item_ids(order)["cup"], "quantity": 1}]}
    return {**body, "psp_reference": f"new_{order['version']}"} if "kind" in body and "amount" in body else body


def test_every_part_has_a_limit_that_is_tried_here() -> None:
    assert {*FILLED, "items"} == PARTS.keys()


@pytest.mark.parametrize("part", FILLED)
def test_the_last_one_is_taken_and_no_other(api: Client, part: str) -> None:
    order = sell(api, {"product_id": "cup", "quantity": 2, "unit_amount": 1000})
    fill, operation, body = FILLED[part]
    most = PARTS[part].most
    fill(Order.objects.get(), most - 1)

    last = ask(api, order["id"], operation, **asked(order, body))
    before = everything()
    refused = ask(api, order["id"], operation, {"Idempotency-Key": "k"}, **asked(read(api, order["id"]), body))

    assert (last.status_code, len(last.json()[part])) == (200, most)
    problem = assert_refused(refused, 409, "limit_reached")
    assert (problem["part"], problem["limit"]) == (part, most)
    assert problem["detail"] == (
        f"Nothing was done. The order would have {most + 1:,} {part}; {most:,} is the most there can be. "
        + PARTS[part].instead
    )
    assert everything() == before


def test_a_payment_told_again_is_harmless_at_the_limit_too(api: Client) -> None:
    order = sell(api)
    add_payments(Order.objects.get(), 1000)

    again = ask(
        api, order["id"], "record_payment", kind="authorization", amount=1, psp_reference="pi_7", currency="AUD"
    )

    assert (again.status_code, again.json()["version"]) == (200, 1)


def test_at_the_limit_of_refunds_an_order_can_still_be_ended(api: Client) -> None:
    order = sell(api, {"product_id": "cup", "quantity": 2, "unit_amount": 1000})
    add_refunds(Order.objects.get(), 100)

    some = ask(api, order["id"], "cancel", items=[{"item_id": item_ids(order)["cup"], "quantity": 1}])
    all_of_it = ask(api, order["id"], "cancel")

    assert_refused(some, 409, "limit_reached")
    assert (all_of_it.status_code, all_of_it.json()["status"]) == (200, "canceled")
    assert [refund["amount"] for refund in all_of_it.json()["refunds"][100:]] == [2000]


def test_what_has_more_than_its_limit_from_earlier_can_be_changed_otherwise(api: Client) -> None:
    order = sell(api)
    add_holds(Order.objects.get(), 60)

    noted = api.patch(f"/api/v1/orders/{order['id']}", {"note": "new"}, content_type="application/json")
    released = ask(api, order["id"], "release_hold", hold_id=noted.json()["holds"][0]["id"])

    assert (noted.status_code, released.status_code, len(released.json()["holds"])) == (200, 200, 59)


def test_an_amendment_beyond_500_items_holds_nothing(api: Client, place_order: Any) -> None:
    order_id = place_order(**{f"p{number}": 1 for number in range(499)})["id"]
    before = everything()

    refused = ask(api, order_id, "amend", items=[{"product_id": "p1", "quantity": 1}] * 2)

    problem = assert_refused(refused, 409, "limit_reached")
    assert (problem["part"], problem["limit"]) == ("items", 500)
    assert everything() == before
    last = ask(api, order_id, "amend", items=[{"product_id": "p1", "quantity": 1}])
    assert (last.status_code, len(last.json()["items"])) == (200, 500)


@pytest.mark.parametrize("letter", ["x", "ë", "漢", "🙂"])
def test_metadata_is_limited_in_bytes_where_its_letters_need_many(api: Client, place_order: Any, letter: str) -> None:
    order = place_order(cup=1)
    metadata = {f"{number:040}": letter * 500 for number in range(50)}

    placed = api.post(
        "/api/v1/orders",
        {"customer_id": "c", "items": [{"product_id": "cup", "quantity": 1}], "metadata": metadata},
        content_type="application/json",
    )
    changed = api.patch(f"/api/v1/orders/{order['id']}", {"metadata": metadata}, content_type="application/json")

    if letter == "x":
        assert (placed.status_code, changed.status_code) == (201, 200)
    else:
        for refused in (placed, changed):
            problem = assert_refused(refused, 400, "validation_error")
            assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/metadata", "out_of_range")]
