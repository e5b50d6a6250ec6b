"""What the HTTP client makes of an InventoryService in trouble."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, connections

from inventory_client.errors import (
    InventoryBusy,
    InventoryUnavailable,
    OutcomeUnknown,
    ReservationReleased,
    StockShortage,
    UnknownProduct,
)
from inventory_client.faults import Fault, FaultKind, FaultyApplication, FaultyServer
from inventory_client.models import AskedHold
from inventory_client.server.wsgi import InventoryApplication
from inventory_client.stock import set_stock_levels
from inventory_client.values import Held, HoldRequest, ShortLine
from remote_calls.breaker import CircuitBreaker
from remote_calls.retry_budget import RetryBudget
from remote_calls.service import outgoing_headers

A = UUID("01920000-0000-7000-8000-00000000000a")
B = UUID("01920000-0000-7000-8000-00000000000b")
TWO_CUPS = HoldRequest(A, {"cup": 2})
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _stock(transactional_db):
    set_stock_levels({"cup": 5})


@pytest.fixture
def faults(reference_inventory):
    def add(*kinds: FaultKind, **options: Any) -> None:
        reference_inventory.faults.add(*(Fault(kind, **options) for kind in kinds))

    return add


@pytest.fixture
def inventory(reference_inventory, http_inventory):
    return http_inventory(reference_inventory.url)


@pytest.fixture
def hasty(reference_inventory, http_inventory):
    """A client that gives each try 0.3 seconds and the call 0.5: there is no time for a second one."""
    return http_inventory(reference_inventory.url, timeout_seconds=0.5, try_seconds=0.3)


def test_a_lost_reply_is_asked_for_again_and_joins(inventory, faults, reserved):
    faults(FaultKind.LOST_REPLY)

    (outcome,) = inventory.hold([TWO_CUPS])

    assert isinstance(outcome, Held)
    assert outcome.joined is True
    assert reserved() == {"cup": 2}


@pytest.mark.parametrize("kind", [FaultKind.LOST_REPLY, FaultKind.EFFECT_THEN_500, FaultKind.GARBAGE])
def test_an_effect_without_a_readable_answer_is_unknown_and_the_same_hold_joins_it(inventory, faults, reserved, kind):
    faults(kind, kind)

    (outcome,) = inventory.hold([TWO_CUPS])

    assert isinstance(outcome, OutcomeUnknown)
    assert reserved() == {"cup": 2}
    (again,) = inventory.hold([TWO_CUPS])
    assert isinstance(again, Held)
    assert again.joined is True
    assert reserved() == {"cup": 2}


def test_a_connection_lost_after_sending_is_unknown_also_when_nothing_happened(inventory, faults, reserved):
    faults(FaultKind.HANG_UP, FaultKind.HANG_UP)

    (outcome,) = inventory.hold([TWO_CUPS])

    assert isinstance(outcome, OutcomeUnknown)
    assert reserved() == {}


def test_a_service_that_says_it_did_nothing_is_unavailable(inventory, faults, reserved):
    faults(FaultKind.UNAVAILABLE, FaultKind.UNAVAILABLE)

    (outcome,) = inventory.hold([TWO_CUPS])

    assert isinstance(outcome, InventoryUnavailable)
    assert outcome.retry_after == 1.0
    assert reserved() == {}
    assert not AskedHold.objects.exists()


def test_what_is_unknown_once_stays_unknown(inventory, faults):
    faults(FaultKind.LOST_REPLY, FaultKind.UNAVAILABLE)

    (outcome,) = inventory.hold([TWO_CUPS])

    assert isinstance(outcome, OutcomeUnknown)


@pytest.mark.parametrize("kind", [FaultKind.DRIP, FaultKind.SLOW])
def test_a_slow_or_dripping_answer_ends_at_the_deadline(hasty, faults, kind):
    # The whole answer would take 20 seconds to drip.
    faults(kind, seconds=1.0 if kind == FaultKind.SLOW else 0.1)
    began = time.monotonic()

    (outcome,) = hasty.hold([TWO_CUPS])

    assert isinstance(outcome, OutcomeUnknown)
    assert time.monotonic() - began < 5


@pytest.fixture
def dripping_headers() -> Iterator[str]:
    """A server that sends its status line one byte at a time, for ten seconds."""
    ended = Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        peer, _ = listener.accept()
        with peer:
            for _ in range(200):
                if ended.wait(0.05):
                    return
                try:
                    peer.sendall(b"H")
                except OSError:
                    return

    thread = Thread(target=drip)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    ended.set()
    thread.join()
    listener.close()


def test_dripping_headers_end_at_the_deadline(http_inventory, dripping_headers):
    inventory = http_inventory(dripping_headers, timeout_seconds=0.5, try_seconds=0.3)
    began = time.monotonic()

    (outcome,) = inventory.hold([TWO_CUPS])

    assert isinstance(outcome, OutcomeUnknown)
    assert time.monotonic() - began < 5


def test_a_refused_connection_is_unavailable(http_inventory):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    inventory = http_inventory(f"http://127.0.0.1:{port}")

    (outcome,) = inventory.hold([TWO_CUPS])

    assert isinstance(outcome, InventoryUnavailable)
    assert not AskedHold.objects.exists()


def test_a_host_that_does_not_exist_is_unavailable(http_inventory):
    inventory = http_inventory("http://inventory.invalid")

    (outcome,) = inventory.hold([TWO_CUPS])

    assert isinstance(outcome, InventoryUnavailable)


def test_a_hold_that_arrives_after_its_release_holds_nothing(http_inventory, reserved):
    with FaultyServer(FaultyApplication(InventoryApplication())) as server:
        inventory = http_inventory(server.url, timeout_seconds=0.5, try_seconds=0.3)
        server.faults.add(
            *[Fault(FaultKind.LATE, seconds=0.4), Fault(FaultKind.LATE, seconds=0.4)],
        )
        (outcome,) = inventory.hold([TWO_CUPS])

        inventory.release(A)
    # Leaving the server waits for the late ones.

    assert isinstance(outcome, OutcomeUnknown)
    assert reserved() == {}


def test_scripted_refusals_look_like_real_ones(inventory, faults, reserved):
    faults(FaultKind.SHORTAGE, FaultKind.UNKNOWN_PRODUCT)

    (short,) = inventory.hold([TWO_CUPS])
    (unknown,) = inventory.hold([TWO_CUPS])

    assert isinstance(short, StockShortage)
    assert short.lines == [ShortLine("cup", 2, 0)]
    assert isinstance(unknown, UnknownProduct)
    assert unknown.product_ids == ["cup"]
    assert reserved() == {}


def test_a_refused_hold_leaves_nothing_to_sweep(inventory):
    inventory.hold([HoldRequest(A, {"cup": 6})])

    assert not AskedHold.objects.exists()


def test_a_refusal_after_an_unknown_try_is_left_to_the_sweeper(inventory, faults, database_now):
    faults(FaultKind.HANG_UP, FaultKind.SHORTAGE)

    (outcome,) = inventory.hold([TWO_CUPS])

    assert isinstance(outcome, StockShortage)
    now = database_now()
    assert [reservation_id for reservation_id, _ in inventory.untouched_holds(after=now - HOUR, before=now)] == [A]


def test_a_release_that_failed_half_way_is_listed_until_it_succeeds(inventory, faults, reserved, database_now):
    inventory.hold([TWO_CUPS])
    now = database_now()
    faults(FaultKind.HANG_UP, FaultKind.HANG_UP, method="DELETE")

    with pytest.raises(OutcomeUnknown):
        inventory.release_untouched(A, before=now)

    listed = inventory.untouched_holds(after=now + HOUR, before=now + 2 * HOUR)
    assert [reservation_id for reservation_id, _ in listed] == [A]
    (late,) = inventory.hold([TWO_CUPS])
    assert isinstance(late, ReservationReleased)
    assert inventory.release_untouched(A, before=now) is True
    assert inventory.untouched_holds(after=now - HOUR, before=now + HOUR) == []
    assert reserved() == {}


def test_a_retry_needs_budget(reference_inventory, http_inventory, faults):
    inventory = http_inventory(reference_inventory.url, retry_budget=RetryBudget(per_call=0, most=0))
    faults(FaultKind.UNAVAILABLE)

    (outcome,) = inventory.hold([TWO_CUPS])

    assert isinstance(outcome, InventoryUnavailable)


def test_a_full_bulkhead_refuses_before_anything_is_sent(reference_inventory, http_inventory, faults):
    inventory = http_inventory(reference_inventory.url, calls_at_once=1)
    faults(FaultKind.SLOW, seconds=0.6)

    def hold_a() -> object:
        try:
            return inventory.hold([TWO_CUPS])[0]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(hold_a)
        while not AskedHold.objects.exists():
            time.sleep(0.01)
        time.sleep(0.1)
        (second,) = inventory.hold([HoldRequest(B, {"cup": 1})])

    assert isinstance(first.result(), Held)
    assert isinstance(second, InventoryUnavailable)
    assert "Too many calls" in str(second)
    assert inventory.get(B) is None


def test_an_open_breaker_asks_nothing_and_closes_after_good_probes(
    reference_inventory, http_inventory, faults, reserved
):
    clock = [0.0]
    breaker = CircuitBreaker(lambda: clock[0], min_calls=2)
    inventory = http_inventory(reference_inventory.url, breaker=breaker)
    faults(FaultKind.UNAVAILABLE, FaultKind.UNAVAILABLE)
    inventory.hold([TWO_CUPS])

    (refused,) = inventory.hold([TWO_CUPS])

    assert isinstance(refused, InventoryUnavailable)
    assert refused.retry_after == 5.0
    assert reserved() == {}
    clock[0] = 5.0
    (probe,) = inventory.hold([TWO_CUPS])
    assert isinstance(probe, Held)


def test_refusals_never_open_the_breaker(reference_inventory, http_inventory):
    breaker = CircuitBreaker(lambda: 0.0, min_calls=2)
    inventory = http_inventory(reference_inventory.url, breaker=breaker)

    outcomes = [inventory.hold([HoldRequest(uuid4(), {"cup": 6})])[0] for _ in range(4)]

    assert [type(outcome) for outcome in outcomes] == [StockShortage] * 4


def test_rows_that_others_hold_are_told_from_an_outage_and_never_open_the_breaker(
    reference_inventory, http_inventory, faults
):
    breaker = CircuitBreaker(lambda: 0.0, min_calls=2)
    inventory = http_inventory(reference_inventory.url, breaker=breaker)
    faults(*[FaultKind.BUSY] * 4)

    busy = [inventory.hold([TWO_CUPS])[0] for _ in range(2)]
    (held,) = inventory.hold([TWO_CUPS])

    assert [type(outcome) for outcome in busy] == [InventoryBusy] * 2
    assert isinstance(held, Held)


def test_one_fault_of_a_batch_does_not_end_the_others(reference_inventory, http_inventory, faults, reserved):
    inventory = http_inventory(reference_inventory.url, retry_budget=RetryBudget(per_call=0, most=0))
    faults(FaultKind.UNAVAILABLE)

    outcomes = inventory.hold([HoldRequest(uuid4(), {"cup": 1}) for _ in range(5)])

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Held"] * 4 + ["InventoryUnavailable"]
    assert reserved() == {"cup": 4}


def test_a_batch_with_no_time_left_for_its_last_ones_says_nothing_against_the_service(
    reference_inventory, http_inventory, faults
):
    breaker = CircuitBreaker(time.monotonic, min_calls=3)
    inventory = http_inventory(reference_inventory.url, breaker=breaker, timeout_seconds=0.5, try_seconds=0.5)
    faults(FaultKind.SLOW, seconds=0.6)

    outcomes = inventory.hold([HoldRequest(uuid4(), {"cup": 1}) for _ in range(10)])

    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown] + [InventoryUnavailable] * 9
    assert {str(outcome) for outcome in outcomes[1:]} == {"There was no time left to ask the InventoryService."}
    assert breaker.admit() == 0.0


def test_a_try_that_its_caller_cut_short_says_nothing_against_the_service(reference_inventory, http_inventory, faults):
    breaker = CircuitBreaker(time.monotonic, min_calls=2)
    inventory = http_inventory(reference_inventory.url, breaker=breaker, timeout_seconds=0.5, try_seconds=0.5)
    faults(*[FaultKind.SLOW] * 2, seconds=0.3)

    inventory.hold([TWO_CUPS, HoldRequest(B, {"cup": 1})])

    assert breaker.admit() == 0.0


def test_silence_for_the_whole_time_of_a_try_opens_the_breaker(reference_inventory, http_inventory, faults):
    breaker = CircuitBreaker(lambda: 0.0, min_calls=1)
    inventory = http_inventory(reference_inventory.url, breaker=breaker, timeout_seconds=0.5, try_seconds=0.3)
    faults(FaultKind.SLOW, seconds=0.6)

    inventory.hold([TWO_CUPS])

    assert breaker.admit() == 5.0


def test_a_slow_hold_of_a_batch_is_not_overtaken_by_those_after_it(
    reference_inventory, http_inventory, faults, reserved
):
    inventory = http_inventory(reference_inventory.url, timeout_seconds=60, try_seconds=30)
    faults(FaultKind.SLOW, seconds=0.3)

    outcomes = inventory.hold([HoldRequest(A, {"cup": 5}), HoldRequest(B, {"cup": 1})])

    assert [type(outcome) for outcome in outcomes] == [Held, StockShortage]
    assert reserved() == {"cup": 5}


def test_holds_of_a_batch_that_want_different_products_are_asked_for_at_once(http_inventory):
    together = Barrier(2, timeout=60)

    def application(environ, start_response):
        together.wait()
        start_response("500 Failed", [("Content-Length", "0")])
        return []

    with FaultyServer(FaultyApplication(application)) as server:
        inventory = http_inventory(
            server.url, timeout_seconds=120, try_seconds=120, retry_budget=RetryBudget(per_call=0, most=0)
        )
        inventory.hold([HoldRequest(A, {"cup": 1}), HoldRequest(B, {"plate": 1})])

    assert not together.broken


def test_a_hold_is_written_down_before_it_is_asked_for(http_inventory):
    seen: list[bool] = []

    def application(environ, start_response):
        seen.append(AskedHold.objects.filter(pk=A, state="asked").exists())
        connection.close()
        start_response("500 Failed", [("Content-Length", "0")])
        return []

    with FaultyServer(FaultyApplication(application)) as server:
        http_inventory(server.url).hold([TWO_CUPS])

    assert seen == [True, True]


@pytest.mark.parametrize("kind", [FaultKind.ENDLESS, FaultKind.REDIRECT, FaultKind.GARBAGE])
def test_an_answer_that_says_nothing_of_the_reservation_is_unknown(inventory, faults, kind):
    faults(kind, kind)

    assert isinstance(inventory.hold([TWO_CUPS])[0], OutcomeUnknown)


def test_an_answer_that_is_nested_too_deep_is_unknown(http_inventory):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"id": "1", "more": ' + b"[" * 200_000]

    with FaultyServer(FaultyApplication(application)) as server:
        (outcome,) = http_inventory(server.url).hold([TWO_CUPS])

    assert isinstance(outcome, OutcomeUnknown)
    assert "cannot be read" in str(outcome)


def test_an_answer_about_another_reservation_is_unknown(http_inventory):
    other = (
        b'{"id": "%s", "state": "held", "revision": 1, "updated_at": "2026-01-01T00:00:00Z",'
        b' "lines": [{"product_id": "cup", "quantity": 2}]}' % str(B).encode()
    )

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(other)))])
        return [other]

    with FaultyServer(FaultyApplication(application)) as server:
        (outcome,) = http_inventory(server.url).hold([TWO_CUPS])

    assert isinstance(outcome, OutcomeUnknown)


def test_a_404_of_something_else_is_not_taken_for_an_unknown_reservation(reference_inventory, http_inventory):
    inventory = http_inventory(f"{reference_inventory.url}/nowhere")

    with pytest.raises(InventoryUnavailable):
        inventory.get(A)
    with pytest.raises(OutcomeUnknown):
        inventory.confirm(A)


def test_tells_the_service_who_asks_and_how_long_it_waits(http_inventory):
    seen = []

    def application(environ, start_response):
        seen.append(environ)
        start_response("500 Failed", [("Content-Length", "0")])
        return []

    token = outgoing_headers.set({"X-Request-ID": "req-1", "traceparent": "00-ab-cd-01"})
    try:
        with FaultyServer(FaultyApplication(application)) as server:
            inventory = http_inventory(server.url, token="s3cret", retry_budget=RetryBudget(most=0))
            inventory.hold([TWO_CUPS])
    finally:
        outgoing_headers.reset(token)

    (environ,) = seen
    assert environ["HTTP_AUTHORIZATION"] == "Bearer s3cret"
    assert environ["HTTP_X_REQUEST_ID"] == "req-1"
    assert environ["HTTP_TRACEPARENT"] == "00-ab-cd-01"
    assert 0 < int(environ["HTTP_X_REQUEST_TIMEOUT_MS"]) <= 900


def test_a_wrong_token_is_unavailable_and_somebody_is_told(
    reference_inventory, http_inventory, settings, reserved, caplog
):
    settings.INVENTORY_TOKEN = "s3cret"

    (refused,) = http_inventory(reference_inventory.url, token="guess").hold([TWO_CUPS])
    (held,) = http_inventory(reference_inventory.url, token="s3cret").hold([TWO_CUPS])

    assert isinstance(refused, InventoryUnavailable)
    assert "refused the call itself: 401" in caplog.text
    assert isinstance(held, Held)
    assert reserved() == {"cup": 2}
