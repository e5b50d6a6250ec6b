"""Two callers at once for one order, hundreds of times: one outcome each time, never both, no fact lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import connection

from orders import operations
from orders.models import Storefront
from orders.operations import Call, Idempotency, Replay
from orders.requests.operations import AmendedItem, Cancel, Units
from orders.rules.callers import Caller
from orders.rules.errors import OrderError
from orders.rules.lifecycle import Operation
from orders.rules.statuses import HoldKind, PaymentKind, ReturnCause
from tests.base import perform
from tests.chaos.promises import broken_promises
from tests.orders.operations.lifecycle.order_rows import Row, Rows, copies_of, rows_of, rows_of_each

ROUNDS: Final = 500
# Of races that are like another one, at the same lock.
FEWER_ROUNDS: Final = 200
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
    """Many orders of `units` cups that have been through the same operations: `orders(("confirm", {}), units=2)`."""

    def make(*done: tuple[str, dict[str, Any]], units: int = 1, count: int = ROUNDS) -> list[UUID]:
        order_id = UUID(place_order(cup=units)["id"])
        stock(cup=1_000_000)
        for operation, asked in done:
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
    return rows_of_each(order_ids)


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
    order_ids = orders(CAPTURED, ("request_refund", {}), count=FEWER_ROUNDS)

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
    order_ids = orders(count=FEWER_ROUNDS)

    outcomes = race([(do("delete", order_id), capture(order_id)) for order_id in order_ids])

    assert set(outcomes) <= {("done", "done"), ("money_on_order", "done")}
    for (deleted, _), rows in zip(outcomes, rows_afterwards(order_ids), strict=True):
        (payment,) = rows["orders_paymentrecord"]
        assert (order_in(rows)["deleted_at"] is not None) == payment["late"] == (deleted == "done")


def test_holding_up_against_shipping(orders: Orders):
    order_ids = orders(("confirm", {}), count=FEWER_ROUNDS)

    outcomes = race([(do("hold", order_id, kind=HoldKind.FRAUD), do("ship", order_id)) for order_id in order_ids])

    assert set(outcomes) <= {("done", "done"), ("done", "order_on_hold")}
    for (_, shipped), rows in zip(outcomes, rows_afterwards(order_ids), strict=True):
        told = [event["data"]["operation"] for event in rows["events_event"]]
        assert told == ["place", "confirm", *(["ship"] if shipped == "done" else []), "hold"]


def test_receiving_a_return_twice(orders: Orders):
    order_ids = orders(
        ("confirm", {}),
        ("ship", {}),
        ("request_return", {"cause": ReturnCause.UNWANTED}),
        ("approve_return", {}),
        count=FEWER_ROUNDS,
    )

    outcomes = race([(do("receive_return", order_id), do("receive_return", order_id)) for order_id in order_ids])

    assert {frozenset(pair) for pair in outcomes} == {frozenset({"done", "nothing_left"})}
    for rows in rows_afterwards(order_ids):
        (item,) = rows["orders_orderitem"]
        assert (item["returned"], item["restocked"]) == (1, 1)


def test_one_idempotency_key_twice_at_once(orders: Orders):
    order_ids = orders(count=FEWER_ROUNDS)

    def cancel(order_id: UUID) -> Racer:
        call = Call(Caller("key:abc"), idempotency=Idempotency(f"cancel {order_id}", "00" * 32))
        return lambda: operations.perform(Operation.CANCEL, order_id, Cancel(), call=call)

    outcomes = race([(cancel(order_id), cancel(order_id)) for order_id in order_ids])

    assert {frozenset(pair) for pair in outcomes} == {frozenset({"done", "replayed"})}
    for rows in rows_afterwards(order_ids):
        assert (order_in(rows)["status"], order_in(rows)["version"]) == ("canceled", 2)


def test_amendments_of_two_orders_that_want_the_last_unit(orders: Orders, stock: Callable[..., None]):
    ones, others = orders(), orders()
    lasts = [f"last {number}" for number in range(ROUNDS)]
    stock(**dict.fromkeys(lasts, 1))

    outcomes = race(
        [
            (do("amend", one, items=one_more(last)), do("amend", other, items=one_more(last)))
            for one, other, last in zip(ones, others, lasts, strict=True)
        ]
    )

    assert {frozenset(pair) for pair in outcomes} == {frozenset({"done", "out_of_stock"})}
    for pair, *both in zip(outcomes, rows_afterwards(ones), rows_afterwards(others), strict=True):
        assert [len(rows["orders_orderitem"]) for rows in both] == [2 if end == "done" else 1 for end in pair]


def test_amendments_of_one_order_that_want_the_last_unit(orders: Orders, stock: Callable[..., None]):
    order_ids = orders()
    lasts = [f"last {number}" for number in range(ROUNDS)]
    stock(**dict.fromkeys(lasts, 1))

    outcomes = race(
        [
            (do("amend", order_id, items=one_more(last)), do("amend", order_id, items=one_more(last)))
            for order_id, last in zip(order_ids, lasts, strict=True)
        ]
    )

    # Two that claim the reservation in turns may both give up; then neither has changed anything.
    assert {end for pair in outcomes for end in pair} <= {"done", "out_of_stock", "order_busy"}
    for pair, rows in zip(outcomes, rows_afterwards(order_ids), strict=True):
        assert len(rows["orders_orderitem"]) == 1 + pair.count("done") <= 2


@pytest.mark.parametrize(("other", "status"), [("cancel", "canceled"), ("ship", "shipped")])
def test_amending_against_what_ends_amending(orders: Orders, other: str, status: str):
    order_ids = orders(("confirm", {}))

    outcomes = race([(do("amend", order_id, items=one_more("cup")), do(other, order_id)) for order_id in order_ids])

    assert set(outcomes) <= {("done", "done"), ("details_locked", "done")}
    for (amended, _), rows in zip(outcomes, rows_afterwards(order_ids), strict=True):
        assert order_in(rows)["status"] == status
        assert len(rows["orders_orderitem"]) == (2 if amended == "done" else 1)


def test_canceling_twice_gives_the_money_back_once(orders: Orders):
    order_ids = orders(CAPTURED, count=FEWER_ROUNDS)

    outcomes = race([(do("cancel", order_id), do("cancel", order_id)) for order_id in order_ids])

    assert {frozenset(pair) for pair in outcomes} == {frozenset({"done", "invalid_transition"})}
    for rows in rows_afterwards(order_ids):
        assert [refund["amount"] for refund in rows["orders_refund"]] == [100]


def test_restoring_twice_holds_the_stock_once(orders: Orders):
    order_ids = orders(("delete", {}), count=FEWER_ROUNDS)

    outcomes = race([(do("restore", order_id), do("restore", order_id)) for order_id in order_ids])

    assert {frozenset(pair) for pair in outcomes} == {frozenset({"done", "not_deleted"})}
    for rows in rows_afterwards(order_ids):
        assert (order_in(rows)["deleted_at"], order_in(rows)["version"]) == (None, 3)


def test_deleting_against_restoring(orders: Orders):
    order_ids = orders()

    outcomes = race([(do("delete", order_id), do("restore", order_id)) for order_id in order_ids])

    assert set(outcomes) <= {("done", "done"), ("done", "not_deleted"), ("done", "order_busy")}
    for (_, restored), rows in zip(outcomes, rows_afterwards(order_ids), strict=True):
        assert (order_in(rows)["deleted_at"] is None) == (restored == "done")


def test_canceling_a_unit_against_confirming_confirms_the_hold_of_the_others(orders: Orders):
    order_ids = orders(units=2)

    def cancel_one(order_id: UUID) -> Racer:
        (item,) = rows_of(order_id)["orders_orderitem"]
        return do("cancel", order_id, items=[Units(UUID(item["id"]), 1)])

    outcomes = race([(cancel_one(order_id), do("confirm", order_id)) for order_id in order_ids])

    assert Counter(outcomes) == {("done", "done"): ROUNDS}
    for rows in rows_afterwards(order_ids):
        assert [hold["state"] for hold in rows["inventory_reservation"]] == ["confirmed"]
