import json
import logging
import re
import subprocess
import sys
from typing import Any

import pytest
from django.test import Client
from structlog.testing import capture_logs

from tests.processes import running

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


def lines_of(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was written to standard error, whatever Python holds for it."""
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_logs_the_route_and_the_storefront_but_no_path(client: Client, capfd: pytest.CaptureFixture[str]):
    client.get("/place/order-of-ann@example.org?email=ann@example.org", headers={"X-Request-ID": "abc"})

    (line,) = lines_of(capfd)
    assert line.pop("ms") >= 0
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", line.pop("time"))
    assert line == {
        "message": "request",
        "level": "info",
        "logger": "orders_project.requests",
        "request_id": "abc",
        "order": "order-of-ann@example.org",
        "method": "GET",
        "route": "place",
        "status": 201,
        "code": None,
        "storefront": "au",
    }


def test_logs_no_private_field_that_a_view_has_bound(client: Client, capfd: pytest.CaptureFixture[str]):
    client.get("/bind-private")

    (line,) = lines_of(capfd)
    assert "email" not in line
    assert line["route"] == "bind-private"


def test_logs_the_code_of_a_refusal(client: Client, capfd: pytest.CaptureFixture[str]):
    client.get("/nowhere")

    assert [(line["route"], line["status"], line["code"]) for line in lines_of(capfd)] == [
        ("unmatched", 404, "not_found")
    ]


def test_is_quiet_about_health_checks(client: Client, capfd: pytest.CaptureFixture[str]):
    client.get("/healthz")
    quiet = lines_of(capfd)
    logging.getLogger("orders_project.requests").setLevel(logging.DEBUG)
    client.get("/healthz")
    logging.getLogger("orders_project.requests").setLevel(logging.NOTSET)

    assert quiet == []
    assert [line["level"] for line in lines_of(capfd)] == ["debug"]


def test_the_console_format_is_that_of_every_other_line(settings):
    settings.LOGGING = {"level": "INFO", "format": "console"}

    with capture_logs() as lines:
        Client().get("/only-get")

    assert [(line["event"], line["log_level"], line["route"]) for line in lines] == [("request", "info", "only-get")]


def test_the_line_is_that_of_the_logger_and_written_at_once():
    """Two processes that log at once on one pipe: no line is torn."""
    code = (
        "import logging, structlog\n"
        "from orders_project.logging import configure, write_json_line\n"
        "configure({'level': 'INFO', 'format': 'json'})\n"
        "structlog.contextvars.bind_contextvars(request_id='abc')\n"
        "for number in range(2000):\n"
        "    write_json_line(logging.getLogger('x'), logging.INFO, 'request', number=number, text='y' * 500)\n"
        "    structlog.stdlib.get_logger('x').info('request', number=number, text='y' * 500)\n"
    )
    command = [sys.executable, "-c", code]
    with (
        running(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader,
        running(command, stderr=reader.stdin) as one,
        running(command, stderr=reader.stdin) as other,
    ):
        told, _ = reader.communicate()
        assert [one.wait(), other.wait()] == [0, 0]

    lines = [json.loads(line) for line in told.splitlines()]
    assert len(lines) == 8000
    assert {tuple(sorted(line.items() - {("number", line["number"]), ("time", line["time"])})) for line in lines} == {
        (("level", "info"), ("logger", "x"), ("message", "request"), ("request_id", "abc"), ("text", "y" * 500))
    }


def test_a_line_that_cannot_be_written_fails_no_request():
    code = (
        "import logging, os\n"
        "from orders_project.logging import configure, write_json_line\n"
        "configure({'level': 'INFO', 'format': 'json'})\n"
        "os.close(2)\n"
        "write_json_line(logging.getLogger('x'), logging.INFO, 'request')\n"
        "print('went on')\n"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert (ran.returncode, ran.stdout) == (0, "went on\n")


def test_nothing_bound_for_one_request_is_left_for_the_next_of_its_thread(client: Client):
    client.get("/place/1", headers={"X-Request-ID": "abc"})

    bound = client.get("/echo", headers={"X-Request-ID": "def"}).json()["bound"]

    assert bound == {"request_id": "def"}
