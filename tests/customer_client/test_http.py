"""What the HTTP client makes of a CustomerService, well and in trouble."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.db import transaction
from prometheus_client import REGISTRY

from customer_client.client import CustomersUnavailable, Standing
from remote_calls.breaker import CircuitBreaker
from remote_calls.faults import FaultKind
from remote_calls.retry_budget import RetryBudget
from remote_calls.service import outgoing_headers


class Silent(WSGIRequestHandler):
    def log_message(self, format, *args):  # noqa: A002
        pass


@pytest.fixture
def answering():
    """Starts a server that gives one answer to everything; returns its URL and the requests it gets."""
    running = []

    def start(status, body, **headers):
        requests = []

        def application(environ, start_response):
            requests.append(environ)
            start_response(status, [("Content-Length", str(len(body))), *headers.items()])
            return [body]

        server = make_server("127.0.0.1", 0, application, handler_class=Silent)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}", requests

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def test_tells_who_may_order(customers, http_customers):
    customers.inactive.add("gone")

    answers = http_customers(customers.url).ask(["cus123", "zyx-321", "gone"], storefront="au")

    assert answers == {"cus123": Standing.ACTIVE, "zyx-321": Standing.UNKNOWN, "gone": Standing.INACTIVE}
    assert sorted(customers.asked) == [("cus123", "au"), ("gone", "au"), ("zyx-321", "au")]


@pytest.mark.parametrize("customer_id", ["a/b c?d=1&e#f", "%2F", "Zoë", "杯子", "a+b", ".", ".."])
def test_ids_of_any_letters_arrive_as_they_are(customers, http_customers, customer_id):
    assert http_customers(customers.url).ask([customer_id], storefront="au") == {customer_id: Standing.ACTIVE}
    assert customers.asked == [(customer_id, "au")]


def test_an_answer_is_remembered_for_its_storefront(customers, http_customers):
    client = http_customers(customers.url)

    for storefront in ("au", "au", "nz", "au"):
        assert client.ask(["zyx-321"], storefront=storefront) == {"zyx-321": Standing.UNKNOWN}

    assert customers.asked == [("zyx-321", "au"), ("zyx-321", "nz")]


def test_without_seconds_to_remember_it_asks_each_time(customers, http_customers):
    client = http_customers(customers.url, cache_seconds=0)

    client.ask(["cus123"], storefront="au")
    customers.inactive.add("cus123")

    assert client.ask(["cus123"], storefront="au") == {"cus123": Standing.INACTIVE}


def test_a_customer_who_stands_twice_is_asked_for_once(customers, http_customers):
    http_customers(customers.url, cache_seconds=0).ask(["cus123", "cus123"], storefront="au")

    assert customers.asked == [("cus123", "au")]


def test_nobody_asked_for_is_no_answer(customers, http_customers):
    assert http_customers(customers.url).ask([], storefront="au") == {}


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.SLOW,
        FaultKind.DRIP,
        FaultKind.LOST_REPLY,
        FaultKind.HANG_UP,
        FaultKind.EFFECT_THEN_500,
        FaultKind.UNAVAILABLE,
        FaultKind.GARBAGE,
    ],
)
def test_a_service_in_trouble_tells_nothing_and_that_is_not_remembered(customers, http_customers, kind):
    client = http_customers(customers.url, timeout_seconds=0.5, try_seconds=0.3)
    # The whole answer would take seconds to drip.
    customers.fail(kind, seconds=0.1 if kind == FaultKind.DRIP else 1.0)
    began = time.monotonic()

    (answer,) = client.ask(["cus123"], storefront="au").values()

    assert isinstance(answer, CustomersUnavailable)
    assert time.monotonic() - began < 5
    customers.faulty.clear()
    assert client.ask(["cus123"], storefront="au") == {"cus123": Standing.ACTIVE}


def test_a_fault_is_tried_twice(customers, http_customers):
    customers.fail(FaultKind.EFFECT_THEN_500, times=1)

    assert http_customers(customers.url).ask(["cus123"], storefront="au") == {"cus123": Standing.ACTIVE}


def test_one_failure_does_not_end_the_others(customers, http_customers):
    client = http_customers(customers.url, retry_budget=RetryBudget(per_call=0, most=0))
    customers.fail(FaultKind.UNAVAILABLE, times=1)

    answers = client.ask(["a", "b", "c"], storefront="au")

    assert sorted(map(str, answers.values()))[1:] == ["active", "active"]
    assert len([answer for answer in answers.values() if isinstance(answer, CustomersUnavailable)]) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("404 Not Found", b"<html>no such page</html>"),
        ("404 Not Found", b'{"status": 404, "code": "path_unknown", "title": "Nothing"}'),
        ("404 Not Found", b"\xff"),
        ("410 Gone", b'{"status": 410, "code": "customer_unknown", "title": "Gone"}'),
        ("302 Found", b""),
        ("401 Unauthorized", b"{}"),
        ("429 Too Many Requests", b"{}"),
        ("200 OK", b"{}"),
        ("200 OK", b'{"customer_id": "cus123"}'),
        ("200 OK", b'{"customer_id": "cus123", "active": "yes"}'),
        ("200 OK", b'{"customer_id": "somebody else", "active": true}'),
        ("200 OK", b"\xff"),
    ],
)
def test_what_does_not_tell_of_the_customer_is_no_answer(answering, http_customers, status, body):
    url, _ = answering(status, body)

    (answer,) = http_customers(url).ask(["cus123"], storefront="au").values()

    assert isinstance(answer, CustomersUnavailable)


def test_an_answer_may_tell_more(answering, http_customers):
    url, _ = answering("200 OK", json.dumps({"customer_id": "c", "active": True, "tier": "gold"}).encode())

    assert http_customers(url).ask(["c"], storefront="au") == {"c": Standing.ACTIVE}


def test_when_to_come_back_is_what_the_service_says(answering, http_customers):
    url, _ = answering("503 Unavailable", b"{}", **{"Retry-After": "17"})

    (answer,) = http_customers(url).ask(["c"], storefront="au").values()

    assert answer.retry_after == 17.0


def test_sends_token_path_and_what_the_request_is_known_by(answering, http_customers):
    url, requests = answering("200 OK", b'{"customer_id": "c", "active": true}')
    token = outgoing_headers.set({"X-Request-ID": "req-1"})
    try:
        http_customers(f"{url}/crm/", token="s3cret").ask(["c"], storefront="br-south")
    finally:
        outgoing_headers.reset(token)

    (request,) = requests
    assert (request["PATH_INFO"], request["QUERY_STRING"]) == ("/crm/customers/c", "storefront=br-south")
    assert (request["HTTP_AUTHORIZATION"], request["HTTP_X_REQUEST_ID"]) == ("Bearer s3cret", "req-1")


def test_a_service_that_keeps_failing_is_left_alone(customers, http_customers):
    client = http_customers(
        customers.url,
        cache_seconds=0,
        breaker=CircuitBreaker(lambda: 0.0, min_calls=3),
        retry_budget=RetryBudget(per_call=0, most=0),
    )
    customers.fail(FaultKind.EFFECT_THEN_500, times=3)
    for _ in range(3):
        client.ask(["c"], storefront="au")
    asked = len(customers.asked)

    (answer,) = client.ask(["c"], storefront="au").values()

    assert isinstance(answer, CustomersUnavailable)
    assert "left alone" in str(answer)
    assert len(customers.asked) == asked == 3


def test_an_unknown_customer_is_an_answer_and_no_fault(customers, http_customers):
    client = http_customers(customers.url, cache_seconds=0, breaker=CircuitBreaker(lambda: 0.0, min_calls=2))

    answers = [client.ask(["zyx-321"], storefront="au")["zyx-321"] for _ in range(5)]

    assert answers == [Standing.UNKNOWN] * 5


def test_a_service_that_is_not_there_is_unavailable(http_customers):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    answers = http_customers(f"http://127.0.0.1:{port}").ask(["a", "b"], storefront="au")

    assert [type(answer) for answer in answers.values()] == [CustomersUnavailable, CustomersUnavailable]


def test_an_address_that_is_none_is_refused_by_its_name(http_customers):
    with pytest.raises(ValueError, match=r"CUSTOMER_URL is 'ftp://x'"):
        http_customers("ftp://x")


@pytest.mark.usefixtures("database")
def test_refuses_to_be_called_inside_a_transaction(customers, http_customers):
    client = http_customers(customers.url)

    with transaction.atomic(), pytest.raises(RuntimeError, match=r"customers\.ask.* inside a database transaction"):
        client.ask(["c"], storefront="au")

    assert customers.asked == []


def test_many_threads_at_once_get_their_own_answers(customers, http_customers):
    client = http_customers(customers.url, cache_seconds=0)

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda n: client.ask([f"c{n}", "zyx-321"], storefront="au"), range(24)))

    assert answers == [{f"c{n}": Standing.ACTIVE, "zyx-321": Standing.UNKNOWN} for n in range(24)]


def test_whom_the_time_does_not_suffice_for_is_not_answered(customers, http_customers):
    client = http_customers(customers.url, timeout_seconds=0.5, try_seconds=0.5)
    customers.fail(FaultKind.SLOW, times=8, seconds=1.0)  # as many as are asked for at once

    answers = client.ask([f"c{n}" for n in range(20)], storefront="au")

    assert {type(answer) for answer in answers.values()} == {CustomersUnavailable}
    assert "There was no time left to ask the CustomerService." in {str(answer) for answer in answers.values()}


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"service": "CustomerService", **labels}) or 0.0


def test_calls_are_counted_by_what_came_of_them(customers, http_customers):
    def now() -> list[float]:
        tries = [counted("remote_call_duration_seconds_count", outcome=outcome) for outcome in ("answered", "failed")]
        return [*tries, counted("remote_calls_not_made_total", reason="breaker_open")]

    breaker = CircuitBreaker(time.monotonic, min_calls=2, open_seconds=60)
    client = http_customers(customers.url, cache_seconds=0, breaker=breaker)
    before = now()

    client.ask(["cus123", "zyx-321"], storefront="au")
    customers.fail(FaultKind.HANG_UP, times=20)
    for _ in range(4):
        client.ask(["cus123"], storefront="au")

    answered, failed, left_alone = (then - first for then, first in zip(now(), before, strict=True))
    assert answered == 2
    assert failed >= 2
    assert left_alone >= 1
    assert counted("remote_call_duration_seconds_sum", outcome="answered") > 0
