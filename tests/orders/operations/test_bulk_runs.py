"""One operation for many orders in the background: worked off in pieces, each order once, as if done one by one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Event
from orders import operations
from orders.models import BulkRun, BulkRunOrder, Order, Refund
from orders.operations import Call, bulk_pieces
from orders.requests.operations import Cancel, Comment, DecideRefund, Extend, Parcel, Plain
from orders.rules.callers import staff_caller
from orders.rules.errors import NotPermitted, OrderError
from orders.rules.ids import new_id
from orders.rules.lifecycle import Operation
from orders.rules.statuses import CancelReason
from tests.base import perform
from tests.chaos.live_server import database_url
from tests.plans import cost_of


@pytest.fixture
def ann(database: None) -> User:
    person = User.objects.create_user("ann", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="orders"))
    return person


@pytest.fixture
def start(ann: User) -> Callable[..., BulkRun]:
    """Start a run as ann: `start("confirm", Plain(), orders)`."""

    def begin(operation: str, request: Any, orders: list[Order], *, reason: str = "") -> BulkRun:
        run_id = new_id()
        versions = {order.pk: order.version for order in orders}
        call = Call(caller_of(ann), reason=reason, request_id="r-1")
        operations.start_run(run_id, Operation(operation), request, versions, call=call, person_id=ann.pk)
        return BulkRun.objects.get(pk=run_id)

    return begin


def caller_of(person: User) -> Any:
    storefronts = frozenset(person.storefronts.values_list("pk", flat=True)) or None
    return staff_caller(f"staff:{person.username}", storefronts=storefronts, has_permission=person.has_perm)


def as_told(refusal: OrderError, order: Order) -> str:
    return refusal.detail


def work() -> int:
    return operations.work_at_runs(sentence=as_told)


def outcomes(run: BulkRun) -> dict[UUID, str | None]:
    return dict(run.orders.values_list("order_id", "outcome"))


@pytest.fixture
def placed(place_order: Callable[..., dict[str, Any]]) -> Callable[..., list[Order]]:
    def place(count: int, **quantities: int) -> list[Order]:
        ids = [place_order(**(quantities or {"cup": 1}))["id"] for _ in range(count)]
        return list(Order.objects.filter(pk__in=ids).order_by("pk"))

    return place


def test_does_each_order_as_the_person_who_started_it_and_tells_what_became_of_each(start, placed):
    orders = placed(4)
    run = start("cancel", Cancel(cause=CancelReason.OUT_OF_STOCK), orders, reason="A flood.")
    perform("confirm", orders[1].pk)

    assert (run.total, run.left, run.state) == (4, 4, "running")
    assert work() == 4

    run.refresh_from_db()
    assert (run.state, run.done, run.refused, run.left) == ("finished", 3, 1, 0)
    refused = run.orders.get(outcome="refused")
    assert refused.order_id == orders[1].pk
    assert refused.words == 'If-Match asks for "1", but the order is at version 2: read it again, then decide.'
    assert list(Order.objects.order_by("pk").values_list("status", flat=True)) == [
        "canceled",
        "confirmed",
        "canceled",
        "canceled",
    ]
    events = Event.objects.with_reasons().filter(actor="staff:ann")
    assert [(event.told_reason, event.request_id) for event in events] == [("A flood.", "r-1")] * 3
    assert work() == 0


def test_goes_on_piece_by_piece_where_it_was(start, placed, monkeypatch):
    monkeypatch.setattr(bulk_pieces, "_PIECE_ORDERS", 2)
    run = start("confirm", Plain(), placed(5))

    left = []
    while work():
        run.refresh_from_db()
        left.append((run.left, run.state))

    assert left == [(3, "running"), (1, "running"), (0, "finished")]


def test_runs_take_turns(start, placed, monkeypatch):
    monkeypatch.setattr(bulk_pieces, "_PIECE_ORDERS", 1)
    first, second = start("confirm", Plain(), placed(2)), start("confirm", Plain(), placed(2))

    work(), work()

    for run in (first, second):
        run.refresh_from_db()
        assert run.done == 1


def test_what_was_chosen_is_done_and_what_came_later_is_not(start, placed):
    run = start("confirm", Plain(), placed(2))
    (later,) = placed(1)

    work()

    later.refresh_from_db()
    assert (later.status, set(outcomes(run).values())) == ("pending", {"done"})


def test_what_is_like_this_already_is_told_apart(start, placed):
    run = start("extend", Extend(minutes=1), placed(2))

    work()

    assert set(outcomes(run).values()) == {"unchanged"}


def test_once_stopped_the_others_are_left_alone(start, placed, monkeypatch):
    monkeypatch.setattr(bulk_pieces, "_PIECE_ORDERS", 2)
    run = start("confirm", Plain(), placed(4))
    work()

    assert operations.stop_run(run.pk, because="Stopped by eve.") is True
    assert operations.stop_run(run.pk, because="Stopped by will.") is False
    assert work() == 0

    run.refresh_from_db()
    assert (run.state, run.ended_because, run.done, run.left) == ("stopped", "Stopped by eve.", 2, 2)
    assert Order.objects.filter(status="confirmed").count() == 2


def test_a_stop_takes_effect_within_a_piece(start, placed):
    run = start("approve_refund", DecideRefund(), placed(3))
    stopped = []

    def refused(refusal: OrderError, order: Order) -> str:
        stopped.append(operations.stop_run(run.pk, because="Stopped by eve."))
        return refusal.detail

    operations.work_at_runs(sentence=refused)

    run.refresh_from_db()
    assert (stopped, run.state, run.refused, run.left) == ([True], "stopped", 1, 2)


def test_stops_with_words_once_its_person_has_lost_the_permission(start, placed, ann, monkeypatch):
    monkeypatch.setattr(bulk_pieces, "_PIECE_ORDERS", 1)
    run = start("ship", Parcel(), placed(2))
    work()
    ann.user_permissions.remove(Permission.objects.get(codename="ship_order"))

    work()

    run.refresh_from_db()
    assert (run.state, run.settled) == ("stopped", 1)
    assert run.ended_because == "ann may not ship orders any more: that needs the permission orders.ship_order."


def test_stops_once_its_person_cannot_sign_in_any_more(start, placed, ann):
    run = start("confirm", Plain(), placed(1))
    User.objects.filter(pk=ann.pk).update(is_active=False)

    work()

    run.refresh_from_db()
    assert (run.state, run.ended_because) == ("stopped", "ann cannot sign in any more.")


def test_an_account_that_is_gone_stops_it_too(start, placed, ann):
    run = start("confirm", Plain(), placed(1))
    ann.delete()

    work()

    run.refresh_from_db()
    assert (run.state, run.actor) == ("stopped", "staff:ann")


def test_orders_of_storefronts_that_its_person_does_not_see_any_more_are_refused(start, placed, ann, other_storefront):
    run = start("confirm", Plain(), placed(1))
    ann.storefronts.set([other_storefront])

    work()

    assert set(outcomes(run).values()) == {"refused"}
    assert Order.objects.get().status == "pending"


def test_starts_with_no_order_of_another_storefront(ann, placed, other_storefront):
    (order,) = placed(1)
    ann.storefronts.set([other_storefront])
    call = Call(caller_of(ann))

    started = operations.start_run(new_id(), Operation.CONFIRM, Plain(), {order.pk: 1}, call=call, person_id=ann.pk)

    assert (started.total, BulkRun.objects.count()) == (0, 0)


def test_is_started_once_however_often_it_is_asked_for(ann, placed):
    first, second = placed(2)
    run_id, call = new_id(), Call(caller_of(ann))

    for order in (first, second):
        operations.start_run(run_id, Operation.CONFIRM, Plain(), {order.pk: 1}, call=call, person_id=ann.pk)

    assert list(BulkRunOrder.objects.values_list("order_id", flat=True)) == [first.pk]


@pytest.mark.parametrize(("name", "operation", "request_"), [
    ("eve", "cancel", Cancel(cause=CancelReason.OUT_OF_STOCK)),
    ("ann", "confirm", Plain()),
    ("ann", "cancel", Cancel(cause=CancelReason.FRAUD)),
])  # fmt: skip
@pytest.mark.parametrize("has_ended", [False, True])
def test_another_run_is_not_started_under_the_id_of_one(start, placed, name, operation, request_, has_ended):
    (order,) = placed(1)
    run = start("cancel", Cancel(cause=CancelReason.OUT_OF_STOCK), [order])
    if has_ended:
        work()
    person, _ = User.objects.get_or_create(username=name, defaults={"is_superuser": True})
    call = Call(caller_of(person))

    with pytest.raises(operations.RunRefused, match="Another run has been started"):
        operations.start_run(run.pk, Operation(operation), request_, {order.pk: 1}, call=call, person_id=person.pk)

    again = Call(caller_of(run.person))
    same = operations.start_run(
        run.pk, Operation.CANCEL, Cancel(cause=CancelReason.OUT_OF_STOCK), {}, call=again, person_id=run.person_id
    )
    assert same == (1, False)


def test_five_runs_of_a_person_are_under_way_at_most(ann, start, placed):
    (order,) = placed(1)
    for _ in range(5):
        start("comment", Comment(text="Rang."), [order])
    other = User.objects.create_superuser("eve")

    with pytest.raises(operations.RunRefused, match="5 of your runs are under way"):
        start("comment", Comment(text="Rang."), [order])

    assert BulkRun.objects.count() == 5
    assert operations.start_run(
        new_id(), Operation.CONFIRM, Plain(), {order.pk: 1}, call=Call(caller_of(other)), person_id=other.pk
    ) == (1, True)
    operations.stop_run(BulkRun.objects.filter(person=ann)[0].pk, because="ann")
    assert start("comment", Comment(text="Rang."), [order]).is_running


def test_is_not_started_by_whoever_may_not_do_it(ann, placed):
    ann.user_permissions.clear()

    with pytest.raises(NotPermitted):
        operations.start_run(new_id(), Operation.CONFIRM, Plain(), {}, call=Call(caller_of(ann)), person_id=ann.pk)


def test_nobody_approves_their_own_refunds_in_a_run_either(start, placed, storefront):
    storefront.refund_approval_above = 0
    storefront.save()
    orders = placed(2)
    for order, actor in zip(orders, ("key:shop", "staff:ann"), strict=True):
        perform("record_payment", order.pk, kind="capture", amount=500, psp_reference=order.number)
        perform("request_refund", order.pk, by=actor)
        order.refresh_from_db()
    run = start("approve_refund", DecideRefund(), orders)

    work()

    assert set(Refund.objects.values_list("requested_by", "state")) == {
        ("key:shop", "approved"),
        ("staff:ann", "requested"),
    }
    assert run.orders.get(outcome="refused").words.startswith("staff:ann has requested this refund")


def test_what_was_typed_is_kept_only_while_it_runs(start, placed):
    commented = start("comment", Comment(text="Ann's bike."), placed(1), reason="She rang.")
    canceled = start("cancel", Cancel(cause=CancelReason.FRAUD), placed(1), reason="She rang.")
    assert (commented.arguments["text"], commented.reason) == ("Ann's bike.", "She rang.")

    while work():
        pass

    commented.refresh_from_db()
    canceled.refresh_from_db()
    assert (commented.arguments, commented.reason) == ({}, "")
    assert (canceled.arguments, canceled.reason) == ({"cause": "fraud"}, "")


def test_an_erasure_takes_the_words_of_a_refusal_too(start, placed):
    (order,) = placed(1)
    run = start("ship", Parcel(), [order])
    perform("cancel", order.pk)
    work()

    perform("erase", order.pk)

    assert run.orders.get().words == "Erased."


def test_restores_deleted_orders_once_each(start, placed):
    orders = placed(2)
    for order in orders:
        perform("delete", order.pk)
    deleted = list(Order.all_objects.order_by("pk"))
    run = start("restore", Plain(), deleted)

    work()
    BulkRunOrder.objects.update(outcome=None)  # as if it had died before it could say so
    BulkRun.objects.update(state="running", ended_at=None)
    BulkRunOrder.objects.update(not_before=None)
    work()

    assert set(outcomes(run).values()) == {"done"}
    assert set(Order.objects.values_list("version", flat=True)) == {3}


def test_what_others_hold_is_tried_again_and_refused_in_the_end(start, placed, monkeypatch):
    monkeypatch.setattr(bulk_pieces, "_TRIED_AGAIN", timedelta(0))
    (order,) = placed(1)
    run = start("confirm", Plain(), [order])
    with other_connection() as somebody:
        somebody.execute("select from orders_order where id = %s for update", [order.pk])
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = 10")
        try:
            while work():
                pass
        finally:
            with connection.cursor() as cursor:
                cursor.execute("reset lock_timeout")

    row = run.orders.get()
    assert (row.outcome, row.attempts) == ("refused", 4)
    assert "is being changed by other requests" in row.words


def test_passes_over_the_order_that_another_sweeper_is_at(start, placed):
    orders = placed(2)
    run = start("confirm", Plain(), orders)
    with other_connection() as somebody:
        somebody.execute("select from orders_bulkrunorder where order_id = %s for update", [orders[0].pk])
        work()
        run.refresh_from_db()
        assert (outcomes(run), run.state) == ({orders[0].pk: None, orders[1].pk: "done"}, "running")

    work()

    run.refresh_from_db()
    assert run.state == "finished"


def other_connection() -> psycopg.Connection[Any]:
    return psycopg.connect(database_url())


def test_a_fault_with_one_order_holds_up_no_other(start, placed, monkeypatch):
    orders = placed(2)
    run = start("confirm", Plain(), orders)
    monkeypatch.setattr(bulk_pieces, "perform_within", faulty(operations.perform_within, orders[0].pk))

    work()

    assert outcomes(run) == {orders[0].pk: "refused", orders[1].pk: "done"}
    assert run.orders.get(outcome="refused").words.startswith("A fault of this service")


def faulty(do: Any, order_id: UUID) -> Any:
    def broken(operation: Operation, asked: UUID, request: Any, *, call: Call) -> Any:
        if asked == order_id:
            raise RuntimeError("a bug")
        return do(operation, asked, request, call=call)

    return broken


def test_old_runs_are_forgotten_with_their_orders(start, placed, settings):
    old, running = start("confirm", Plain(), placed(1)), start("confirm", Plain(), placed(1))
    operations.stop_run(old.pk, because="Stopped by eve.")
    BulkRun.objects.filter(pk=old.pk).update(ended_at=timezone.now() - timedelta(days=31))
    BulkRun.objects.filter(pk=running.pk).update(started_at=timezone.now() - timedelta(days=31))

    assert operations.forget_runs(before=timezone.now() - timedelta(days=settings.BULK_RUN_DAYS)) == 1

    assert list(BulkRunOrder.objects.values_list("run_id", flat=True)) == [running.pk]


def test_the_sweeper_works_runs_off(start, placed):
    run = start("confirm", Plain(), placed(2))

    call_command("sweep", "--once")

    run.refresh_from_db()
    assert (run.state, run.done) == ("finished", 2)


def test_an_order_costs_as_many_queries_in_a_long_run_as_in_a_short_one(start, placed):
    def asked(count: int) -> int:
        start("confirm", Plain(), placed(count))
        with CaptureQueriesContext(connection) as queries:
            work()
        return len(queries)

    asked(1)
    one, three, five = asked(1), asked(3), asked(5)

    assert five - three == three - one


def test_the_next_order_is_found_by_an_index_however_many_are_done(start, placed, storefront):
    run = start("confirm", Plain(), placed(1))
    done = [
        BulkRunOrder(run=run, order_id=new_id(), storefront=storefront, version=1, outcome="done") for _ in range(5000)
    ]
    BulkRunOrder.objects.bulk_create(done)
    with connection.cursor() as cursor:
        cursor.execute("analyze orders_bulkrunorder")

    next_one = cost_of(work, naming="SKIP LOCKED")

    assert next_one.indexes == {"bulk_run_left"}
    assert next_one.pages < 10
