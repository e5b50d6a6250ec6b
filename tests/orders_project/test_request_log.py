import re

import pytest
from django.test import Client
from structlog.testing import capture_logs

pytestmark = pytest.mark.urls("tests.orders_project.routes")

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_keeps_the_callers_request_id(client: Client):
    response = client.get("/echo", headers={"X-Request-ID": "Shop_1.a-7"})

    assert response.headers["X-Request-ID"] == "Shop_1.a-7"
    assert response.json()["request_id"] == "Shop_1.a-7"
    assert response.json()["bound"] == {"request_id": "Shop_1.a-7"}


@pytest.mark.parametrize("given", ["", "a" * 65, "two words", "a\nb", "ünique", "<script>"])
def test_replaces_a_request_id_that_is_not_sane(client: Client, given: str):
    response = client.get("/echo", headers={"X-Request-ID": given})

    assert re.fullmatch("[0-9a-f]{12}7[0-9a-f]{19}", response.headers["X-Request-ID"])


def test_every_request_without_an_id_gets_its_own(client: Client):
    first, second = client.get("/echo"), client.get("/echo")

    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]


def test_an_error_carries_the_request_id_too(client: Client):
    response = client.get("/nowhere", headers={"X-Request-ID": "abc"})

    assert response.headers["X-Request-ID"] == "abc"
    assert response.json()["request_id"] == "abc"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (TRACEPARENT, TRACEPARENT),
        (TRACEPARENT.upper(), None),
        ("ff" + TRACEPARENT[2:], None),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", None),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01", None),
        (TRACEPARENT + "-more", None),
    ],
)
def test_keeps_a_well_formed_trace_context_only(client: Client, given: str, kept: str | None):
    response = client.get("/echo", headers={"traceparent": given})

    assert response.json()["traceparent"] == kept


def test_logs_the_route_and_the_storefront_but_no_path(client: Client):
    with capture_logs() as lines:
        client.get("/place/order-of-ann@example.org?email=ann@example.org", headers={"X-Request-ID": "abc"})

    (line,) = lines
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "place",
        "status": 201,
        "code": None,
        "storefront": "au",
    }


def test_logs_the_code_of_a_refusal(client: Client):
    with capture_logs() as lines:
        client.get("/nowhere")

    assert [(line["route"], line["status"], line["code"]) for line in lines] == [("unmatched", 404, "not_found")]


def test_is_quiet_about_health_checks(client: Client):
    with capture_logs() as lines:
        client.get("/healthz")

    assert [line["log_level"] for line in lines] == ["debug"]


def test_nothing_bound_for_one_request_is_left_for_the_next_of_its_thread(client: Client):
    client.get("/place/1", headers={"X-Request-ID": "abc"})

    bound = client.get("/echo", headers={"X-Request-ID": "def"}).json()["bound"]

    assert bound == {"request_id": "def"}
