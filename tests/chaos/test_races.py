"""Two callers at once for one order, five hundred times: one outcome each time, never both, no fact lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import connection

from orders import operations
from orders.errors import OrderError
from orders.models import Storefront
from orders.operation_requests import AmendedItem
from orders.operations import Replay
from orders.statuses import HoldKind, PaymentKind, ReturnCause
from tests.base import perform
from tests.chaos.promises import broken_promises
from tests.orders.lifecycle.order_rows import Row, Rows, copies_of, rows_of

ROUNDS: Final = 500
# Of races that cost most, or that others prove already in part.
FEWER_ROUNDS: Final = 100
WAIT_SECONDS: Final = 60

Racer = Callable[[], object]
Orders = Callable[..., list[UUID]]
CAPTURED: Final = ("record_payment", {"kind": PaymentKind.CAPTURE, "amount": 100, "psp_reference": "captured"})


def race(rounds: Sequence[tuple[Racer, Racer]]) -> list[tuple[str, str]]:
    """Run both of each round at the same moment, over two connections; tell of each "done" or why it was refused.

    Who goes over which connection changes with each round.
    """
    begin = Barrier(2)

    def run(side: int) -> list[str]:
        try:
            outcomes = []
            for number, racers in enumerate(rounds):
                begin.wait(WAIT_SECONDS)
                outcomes.append(_outcome(racers[(side + number) % 2]))
            return outcomes
        except BaseException:
            begin.abort()  # the other one would wait for ever
            raise
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(run, (0, 1))
    pairs = enumerate(zip(first, second, strict=True))
    return [(one, other) if number % 2 == 0 else (other, one) for number, (one, other) in pairs]


def _outcome(racer: Racer) -> str:
    try:
        racer()
    except OrderError as refusal:
        return refusal.code
    except Replay:
        return "replayed"
    return "done"


def do(operation: str, order_id: UUID, **asked: Any) -> Racer:
    return lambda: perform(operation, order_id, **asked)


def capture(order_id: UUID) -> Racer:
    return do("record_payment", order_id, kind=PaymentKind.CAPTURE, amount=100, psp_reference=f"capture {order_id}")


def one_more(product_id: str) -> list[AmendedItem]:
    return [AmendedItem(product_id=product_id, quantity=1)]


@pytest.fixture
def orders(place_order: Callable[..., dict[str, Any]], stock: Callable[..., None]) -> Orders:
    """Many orders of `units` cups that have taken the same steps: `orders(("confirm", {}), units=2)`."""

    def make(*steps: tuple[str, dict[str, Any]], units: int = 1, count: int = ROUNDS) -> list[UUID]:
        order_id = UUID(place_order(cup=units)["id"])
        stock(cup=1_000_000)
        for operation, asked in steps:
            if "psp_reference" in asked:  # names the order, so that each copy has one of its own
                asked = {**asked, "psp_reference": f"{asked['psp_reference']} {order_id}"}
            perform(operation, order_id, by="staff:ann", **asked)
        return [UUID(order_in(copy)["id"]) for copy in copies_of(rows_of(order_id), count)]

    return make


def rows_afterwards(order_ids: Sequence[UUID]) -> list[Rows]:
    """All rows of each order, once no promise is found broken.

    What the inventory could not be told at once, because the other racer held the row, the sweeper tells.
    """
    while operations.settle_orders()[0]:
        pass
    assert broken_promises() == {}
    return [rows_of(order_id) for order_id in order_ids]


def order_in(rows: Rows) -> Row:
    return rows["orders_order"][0]


def test_two_shipments_of_the_last_unit(orders: Orders):
    order_ids = orders(("confirm", {}))

    outcomes = race([(do("ship", order_id), do("ship", order_id)) for order_id in order_ids])

    assert {frozenset(pair) for pair in outcomes} == {frozenset({"done", "invalid_transition"})}
    for rows in rows_afterwards(order_ids):
        assert (order_in(rows)["status"], order_in(rows)["version"]) == ("shipped", 3)
        assert len(rows["orders_shipment"]) == 1


def test_two_refunds_of_the_same_money(orders: Orders):
    order_ids = orders(CAPTURED)

    outcomes = race(
        [(do("request_refund", order_id), do("request_refund", order_id, amount=60)) for order_id in order_ids]
    )

    # All is refunded, or 60 first and then the rest.
    assert set(outcomes) <= {("done", "nothing_left"), ("done", "done")}
    for (_, second), rows in zip(outcomes, rows_afterwards(order_ids), strict=True):
        assert [refund["amount"] for refund in rows["orders_refund"]] == ([60, 40] if second == "done" else [100])
        assert order_in(rows)["refund_pending_amount"] == 100


def test_approving_against_rejecting_a_refund(orders: Orders, storefront: Storefront):
    storefront.refund_approval_above = 0
    storefront.save()
    order_ids = orders(CAPTURED, ("request_refund", {}))

    outcomes = race([(do("approve_refund", order_id), do("reject_refund", order_id)) for order_id in order_ids])

    assert set(outcomes) <= {("done", "nothing_left"), ("nothing_left", "done")}
    for (approved, _), rows in zip(outcomes, rows_afterwards(order_ids), strict=True):
        (refund,) = rows["orders_refund"]
        told = [instruction for event in rows["events_event"] for instruction in event["data"].get("instructions", [])]
        if approved == "done":
            assert (refund["state"], [instruction["amount"] for instruction in told]) == ("approved", [100])
        else:
            assert (refund["state"], told) == ("rejected", [])


def test_canceling_against_shipping(orders: Orders):
    order_ids = orders(("confirm", {}))

    outcomes = race([(do("cancel", order_id), do("ship", order_id)) for order_id in order_ids])

    assert set(outcomes) <= {("done", "invalid_transition"), ("invalid_transition", "done")}
    for (canceled, _), rows in zip(outcomes, rows_afterwards(order_ids), strict=True):
        assert order_in(rows)["status"] == ("canceled" if canceled == "done" else "shipped")


def test_expiry_against_capture(orders: Orders, settings: Any):
    settings.RESERVATION_MINUTES = 0
    order_ids = orders()

    outcomes = race([(do("expire", order_id), capture(order_id)) for order_id in order_ids])

    assert set(outcomes) <= {("done", "done"), ("not_expired", "done")}
    for (expired, _), rows in zip(outcomes, rows_afterwards(order_ids), strict=True):
        (payment,) = rows["orders_paymentrecord"]
        end = (order_in(rows)["status"], order_in(rows)["cancel_reason"], payment["late"])
        assert end == (("canceled", "expired", True) if expired == "done" else ("pending", None, False))


def test_deleting_against_capture(orders: Orders):
    order_ids = orders()

    outcomes = race([(do("delete", order_id), capture(order_id)) for order_id in order_ids])

    assert set(outcomes) <= {("done", "done"), ("money_on_order", "done")}
    for (deleted, _), rows in zip(outcomes, rows_afterwards(order_ids), strict=True):
        (payment,) = rows["orders_paymentrecord"]
        assert (order_in(rows)["deleted_at"] is not None) == payment["late"] == (deleted == "done")


def test_holding_up_against_shipping(orders: Orders):
    order_ids = orders(("confirm", {}))

    outcomes = race([(do("hold", order_id, kind=HoldKind.FRAUD), do("ship", order_id)) for order_id in order_ids])

    assert set(outcomes) <= {("done", "done"), ("done", "order_on_hold")}
    for (_, shipped), rows in zip(outcomes, rows_afterwards(order_ids), strict=True):
        told = [event["data"]["operation"] for event in rows["events_event"]]
        assert told == ["place", "confirm", *(["ship"] if shipped == "done" else []), "hold"]


def test_receiving_a_return_twice(orders: Orders):
    order_ids = orders(
        ("confirm", {}), ("ship", {}), ("request_return", {"cause": ReturnCause.UNWANTED}), ("approve_return", {})
    )

    outcomes = race([(do("receive_return", order_id), do("receive_return", order_id)) for order_id in order_ids])

    assert {frozenset(pair) for pair in outcomes} == {frozenset({"done", "nothing_left"})}
    for rows in rows_afterwards(order_ids):
        (item,) = rows["orders_orderitem"]
        assert (item["returned"], item["restocked"]) == (1, 1)
