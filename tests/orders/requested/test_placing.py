"""What workers make of orders that were asked for: together, alone, killed, while others are down."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, get_args
from uuid import UUID

import pytest
from django.conf import settings as project
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from events.models import PARKED, Event
from inventory_client.faults import Fault, FaultKind
from inventory_client.models import Stock
from orders import operations
from orders.doctor import Extent, Severity, examine
from orders.models import Order, RequestedOrder, Storefront
from orders.operations import Progress, place_requested
from orders.operations.kill_points import PlacementPoint, RequestPoint
from orders.rules.errors import RequestGivenUp
from tests.base import wait_until_somebody_waits_for_a_lock
from tests.chaos.live_server import environment
from tests.orders.asking import read
from tests.processes import running
from tests.reference_customers import Customers, customers
from tests.reference_inventory import remote

__all__ = ["customers", "remote"]


def make_due() -> None:
    """As if the pauses were over."""
    RequestedOrder.objects.waiting().exclude(next_attempt_at=PARKED).update(next_attempt_at=Now())


def spoil(order_id: str) -> None:
    """Such that whoever tries to place it fails."""
    RequestedOrder.objects.filter(pk=order_id).update(order=b'{"customer_id": 5}')


def test_many_are_placed_in_a_batch_and_each_refusal_is_its_own(ask_for, stock, place_all, nothing_is_wrong):
    stock(cup=30, plate=0)
    for _ in range(30):
        ask_for(cup=1)
        ask_for(plate=1)
    ask_for(bowl=1)

    with_one_call = place_requested(most=61)

    assert with_one_call == Progress(placed=30, rejected=31)
    assert (Order.objects.count(), Stock.objects.get(pk="cup").reserved) == (30, 30)
    assert sorted(RequestedOrder.objects.values_list("rejection__code", flat=True)) == [
        *["out_of_stock"] * 30,
        "unknown_product",
    ]
    nothing_is_wrong()


def test_each_storefront_has_its_own(ask_for, client_of, other_storefront, stock, place_all):
    stock(cup=30)
    ask_for(cup=1)
    body = {"customer_id": "cus9", "items": [{"product_id": "cup", "quantity": 1}]}
    client_of(other_storefront).post(
        "/api/v1/orders", body, content_type="application/json", headers={"Prefer": "respond-async"}
    )

    assert place_all() == (2, 0, 0)

    assert sorted(Order.objects.values_list("storefront__code", flat=True)) == ["au", "nz"]


def test_a_storefront_that_is_switched_off_gets_no_orders(api, ask_for, storefront, stock, place_all):
    stock(cup=30)
    told = ask_for(cup=1).json()
    Storefront.objects.filter(pk=storefront.pk).update(switched_off_at=Now(), switched_off_reason="Sold.")

    assert place_all() == (0, 1, 0)

    assert RequestedOrder.objects.get(rejection__code="storefront_switched_off").pk == UUID(told["id"])
    assert Order.objects.count() == 0


def test_what_costs_nothing_is_confirmed_with_the_inventory_where_the_storefront_wants_it(
    api, storefront, stock, place_all, nothing_is_wrong
):
    Storefront.objects.filter(pk=storefront.pk).update(confirmation_policy="paid")
    stock(cup=5)
    body = {"customer_id": "c", "items": [{"product_id": "cup", "quantity": 1, "unit_amount": 0}]}
    api.post("/api/v1/orders", body, content_type="application/json", headers={"Prefer": "respond-async"})

    place_all()

    assert (Order.objects.get().status, Order.objects.get().stock_action) == ("confirmed", None)
    nothing_is_wrong()


# --- two at once ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("same_ones", [False, True])
def test_two_workers_place_each_order_once(ask_for, stock, nothing_is_wrong, same_ones):
    """With the same ones, as if one had taken for so long that the other took them too."""
    stock(cup=100)
    ids = {ask_for(cup=1).json()["id"] for _ in range(40)}
    begin = Barrier(2)

    def work() -> Progress:
        try:
            begin.wait()
            total = Progress()
            while (progress := place_requested(most=7)).taken:
                total = Progress.sum([total, progress])
                if same_ones:
                    make_due()
            return total
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        totals = [future.result() for future in [threads.submit(work) for _ in range(2)]]

    assert {str(pk) for pk in Order.objects.values_list("pk", flat=True)} == ids
    assert sum(total.placed for total in totals) == 40
    assert Stock.objects.get().reserved == 40
    assert list(Event.objects.values_list("type", flat=True).distinct()) == ["order.created"]
    nothing_is_wrong()


def test_at_once_and_later_with_one_key_at_the_same_moment_is_one_order(
    api, ask_for, stock, place_all, nothing_is_wrong
):
    stock(cup=100)
    begin = Barrier(2)

    def ask(prefer: str, key: str) -> Any:
        try:
            begin.wait()
            return ask_for(cup=1, key=key, prefer=prefer)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        for number in range(15):
            answers = [
                future.result()
                for future in [threads.submit(ask, prefer, f"k{number}") for prefer in ("respond-async", "")]
            ]
            assert answers[0].content == answers[1].content
            assert answers[0].status_code == answers[1].status_code in (201, 202)
    place_all()

    assert (Order.objects.count(), Stock.objects.get().reserved) == (15, 15)
    nothing_is_wrong()


def test_what_was_rejected_while_it_was_being_placed_is_no_order(ask_for, stock, nothing_is_wrong):
    """Whoever settles it first wins: the other's stock is given back."""
    stock(cup=5)
    order_id = UUID(ask_for(cup=1).json()["id"])

    def work() -> Progress:
        try:
            return place_requested()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            list(Stock.objects.select_for_update())
            placing = thread.submit(work)
            wait_until_somebody_waits_for_a_lock()
            assert operations.reject_request(order_id, RequestGivenUp("no reason"))
        assert placing.result() == (0, 0, 0)

    assert (Order.objects.count(), Stock.objects.get().reserved) == (0, 0)
    assert list(Event.objects.values_list("type", flat=True)) == ["order.rejected"]
    nothing_is_wrong()


# --- killed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", [*get_args(PlacementPoint), *get_args(RequestPoint)])
def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(
    api, ask_for, stock, place_all, nothing_is_wrong, point
):
    stock(cup=3, plate=0)
    ids = {ask_for(cup=1).json()["id"] for _ in range(3)}  # all there are: none may be held twice
    refused = ask_for(plate=1).json()["id"]

    process = subprocess.run(
        [sys.executable, "manage.py", "place_requested", "--once"],
        cwd=project.BASE_DIR,
        env=environment(KILL_AT=point),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    statuses = {read(api, order_id)["status"] for order_id in ids}
    make_due()
    place_all()

    assert statuses == ({"pending"} if point in ("after_write", "before_settle") else {"requested"})
    assert {str(pk) for pk in Order.objects.values_list("pk", flat=True)} == ids
    assert read(api, refused)["status"] == "rejected"
    assert Stock.objects.get(pk="cup").reserved == 3
    assert sorted(Event.objects.values_list("type", flat=True)) == [*["order.created"] * 3, "order.rejected"]
    nothing_is_wrong()


def test_what_a_dead_worker_took_is_taken_again_after_a_while(ask_for, stock):
    stock(cup=3)
    ask_for(cup=1)
    killed = subprocess.run(
        [sys.executable, "manage.py", "place_requested", "--once"],
        cwd=project.BASE_DIR,
        env=environment(KILL_AT="after_take"),
        timeout=120,
        check=False,
    )

    assert (killed.returncode, place_requested()) == (-signal.SIGKILL, (0, 0, 0))
    seconds = (RequestedOrder.objects.get().next_attempt_at - timezone.now()).total_seconds()
    assert 0 < seconds <= 60
    make_due()
    assert place_requested() == (1, 0, 0)


# Dies as soon as anything is asked of the database for the product, as by a crash of the driver.
_DIES_OF_BOMB = """
import os, signal
from django.core.management import call_command
from django.db import connection
import django

def dies(execute, sql, params, many, context):
    if "bomb" in repr(params):
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(sql, params, many, context)

django.setup()
with connection.execute_wrapper(dies):
    call_command("place_requested", "--once")
"""


def test_one_that_ends_the_process_holds_up_no_others_and_is_parked(api, ask_for, stock, place_all, nothing_is_wrong):
    stock(cup=10, bomb=10)
    first, bomb, *others = (ask_for(**{product: 1}).json()["id"] for product in ("cup", "bomb", "cup", "cup"))

    def work() -> int:
        make_due()
        return subprocess.run(
            [sys.executable, "-c", _DIES_OF_BOMB],
            cwd=project.BASE_DIR,
            env=environment(),
            capture_output=True,
            timeout=120,
            check=False,
        ).returncode

    assert [work(), work()] == [-signal.SIGKILL] * 2
    late = ask_for(cup=1).json()["id"]  # the others before it are placed, and it is placed before the bomb
    while (ended := work()) == -signal.SIGKILL:
        assert RequestedOrder.objects.get().attempts <= 8

    assert ended == 0
    assert {read(api, order_id)["status"] for order_id in (first, *others, late)} == {"pending"}
    request = RequestedOrder.objects.get()
    assert (str(request.pk), request.attempts, request.parked) == (bomb, 8, True)
    assert request.last_error.startswith("ProcessEnded: Its tries were begun 8 times")


def test_what_somebody_rejects_between_taking_and_reading_is_left_alone(ask_for, stock):
    stock(cup=10)
    ask_for(cup=1)
    with connection.cursor() as cursor:
        cursor.execute(_REJECT_WHEN_TAKEN)
    try:
        assert place_requested() == (0, 0, 0)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("drop function reject_when_taken() cascade")

    request = RequestedOrder.objects.get()
    assert (request.state, request.last_error) == ("rejected", "")


_REJECT_WHEN_TAKEN = """
create function reject_when_taken() returns trigger language plpgsql as $$ begin
    new.state := 'rejected'; new."order" := null; new.rejected_at := now(); new.rejection := '{}'; return new;
end $$;
create trigger reject_when_taken before update on orders_requestedorder
    for each row execute function reject_when_taken();
"""


def test_a_refusal_that_cannot_be_written_is_a_failed_try_and_holds_up_no_other(api, ask_for, stock):
    stock(cup=0)
    first, poison, last = (ask_for(cup=1).json()["id"] for _ in range(3))
    with connection.cursor() as cursor:
        cursor.execute(
            "alter table orders_requestedorder add constraint never_rejected "
            f"check (id <> '{poison}' or state = 'requested')"
        )
    try:
        assert place_requested() == (0, 2, 1)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("alter table orders_requestedorder drop constraint never_rejected")

    assert [read(api, order_id)["status"] for order_id in (first, poison, last)] == [
        "rejected",
        "requested",
        "rejected",
    ]
    request = RequestedOrder.objects.get(pk=poison)
    assert (request.attempts, request.last_error.partition(":")[0]) == (1, "IntegrityError")
    make_due()
    assert place_requested() == (0, 1, 0)


# --- poison, and others that are down ------------------------------------------------------------------


def test_one_that_cannot_be_placed_stops_no_other_and_is_parked_in_the_end(
    api, ask_for, stock, place_all, nothing_is_wrong
):
    stock(cup=10)
    first, poison, last = (ask_for(cup=1).json()["id"] for _ in range(3))
    spoil(poison)

    assert place_all() == (2, 0, 1)
    first_pause = RequestedOrder.objects.get().next_attempt_at
    tries = 1
    while RequestedOrder.objects.get().next_attempt_at < PARKED:
        make_due()
        tries += place_all().waiting

    assert {read(api, order_id)["status"] for order_id in (first, last)} == {"pending"}
    assert first_pause < PARKED
    assert tries == 8
    assert (read(api, poison)["status"], place_all()) == ("requested", (0, 0, 0))
    request = RequestedOrder.objects.get()
    assert (request.attempts, request.last_error.partition(":")[0]) == (8, "ValidationError")
    (found,) = examine(Extent()).of(Severity.WARNING)
    assert [(finding.code, finding.order_id) for finding in found.examples] == [("requests_parked", request.pk)]


def test_a_parked_one_is_tried_again_by_a_command(ask_for, stock):
    stock(cup=10)
    order_id = ask_for(cup=1).json()["id"]
    RequestedOrder.objects.update(next_attempt_at=PARKED, attempts=8)
    told = io.StringIO()

    call_command("place_requested", "--once", "--retry-parked", stdout=told)

    assert told.getvalue().splitlines() == [
        "1 parked requests are due again.",
        "Placed 1 orders, rejected 0; put off 0 times.",
    ]
    assert str(Order.objects.get().pk) == order_id


@pytest.mark.parametrize("kind", [FaultKind.UNAVAILABLE, FaultKind.EFFECT_THEN_500, FaultKind.LOST_REPLY])
def test_while_the_inventory_is_down_it_waits_and_no_try_is_counted(
    api, ask_for, stock, remote, nothing_is_wrong, kind
):
    stock(cup=1)  # the last one: a hold whose answer was lost is joined
    order_id = ask_for(cup=1).json()["id"]
    remote.application.add(*[Fault(kind, seconds=1.2, method="PUT")] * 4)

    while_down = place_requested()
    waiting = RequestedOrder.objects.get()
    remote.application.clear()
    make_due()

    assert while_down == (0, 0, 1)
    assert (waiting.attempts, waiting.state) == (0, "requested")
    assert waiting.last_error.startswith("inventory_")
    assert read(api, order_id)["status"] == "requested"
    assert place_requested() == (1, 0, 0)
    assert Stock.objects.get().reserved == 1
    nothing_is_wrong()


def test_while_customers_cannot_be_asked_it_waits(ask_for, stock, customers: Customers, settings):
    stock(cup=10)
    ask_for(cup=1)
    url, settings.CUSTOMER_URL = settings.CUSTOMER_URL, "http://127.0.0.1:9"

    while_down = place_requested()
    settings.CUSTOMER_URL = url
    make_due()

    assert (while_down, place_requested()) == ((0, 0, 1), (1, 0, 0))


def test_a_storefront_that_accepts_unknown_customers_gets_the_order_held_up(ask_for, stock, storefront, settings):
    Storefront.objects.filter(pk=storefront.pk).update(customer_policy="accept")
    stock(cup=10)
    ask_for(cup=1)
    settings.CUSTOMER_URL = "http://127.0.0.1:9"

    assert place_requested() == (1, 0, 0)

    assert [hold["kind"] for hold in Order.objects.get().holds] == ["manual"]


def test_a_customer_who_may_not_order_is_rejected_without_a_hold(api, stock, customers: Customers, place_all):
    customers.inactive.add("cus-9")
    stock(cup=10)
    body = {"customer_id": "cus-9", "items": [{"product_id": "cup", "quantity": 1}]}
    told = api.post("/api/v1/orders", body, content_type="application/json", headers={"Prefer": "respond-async"}).json()

    place_all()

    problem = read(api, told["id"])["problem"]
    assert (problem["code"], problem["status"], problem["standing"]) == ("invalid_customer", 422, "inactive")
    assert Stock.objects.get().reserved == 0


def test_a_worker_runs_until_it_is_told_to_stop(ask_for, stock, api):
    stock(cup=10)
    order_id = ask_for(cup=1).json()["id"]

    with running(
        [sys.executable, "manage.py", "place_requested", "--every", "0.05"],
        cwd=project.BASE_DIR,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            while read(api, order_id)["status"] == "requested":
                assert worker.poll() is None
            worker.terminate()
            told, _ = worker.communicate(timeout=60)
        finally:
            worker.kill()

    assert (worker.returncode, told) == (0, "Placed 1 orders, rejected 0; put off 0 times.\n")


def test_a_worker_rests_while_nothing_can_be_settled(api, stock):
    stock(cup=200)
    order = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
    api.post(
        "/api/v1/orders/batch",
        {"orders": [order] * 150},
        content_type="application/json",
        headers={"Prefer": "respond-async"},
    )

    with running(
        [sys.executable, "manage.py", "place_requested", "--every", "60"],
        cwd=project.BASE_DIR,
        env=environment(CUSTOMER_URL="http://127.0.0.1:9"),
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            while RequestedOrder.objects.exclude(last_error="").count() < 100:
                assert worker.poll() is None
            worker.terminate()
            told, _ = worker.communicate(timeout=60)
        finally:
            worker.kill()

    assert (worker.returncode, told) == (0, "Placed 0 orders, rejected 0; put off 100 times.\n")
