import json
import logging
import subprocess
import sys

import pytest

from orders_project.logging import leave_out_private_data

_SCRIPT = """
import logging, sys
import structlog
from orders_project.logging import configure

configure({"level": "info", "format": sys.argv[1]})
structlog.contextvars.bind_contextvars(request_id="abc")
exec(sys.argv[2])
"""


def _lines(code: str, log_format: str = "json") -> list[str]:
    """What a fresh process that runs `code` writes to standard error."""
    ran = subprocess.run([sys.executable, "-c", _SCRIPT, log_format, code], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    return ran.stderr.splitlines()


@pytest.mark.parametrize(
    "code",
    [
        "logging.getLogger('orders.place').warning('Held %s for %s.', 3, 'cup')",
        "structlog.get_logger('orders.place').warning('Held %s for %s.', 3, 'cup')",
    ],
    ids=["logging", "structlog"],
)
def test_both_loggers_write_the_same_line(code: str):
    (line,) = _lines(code)

    record = json.loads(line)
    assert record.pop("time").endswith("Z")
    assert record == {
        "message": "Held 3 for cup.",
        "level": "warning",
        "logger": "orders.place",
        "request_id": "abc",
    }


def test_an_exception_is_one_line_without_keys_and_row_values():
    (line,) = _lines(
        "try:\n"
        "    raise ValueError('key abcd1234.0123456789abcdefghijklmnopqrstuv'\n"
        "                     '\\nDETAIL:  Key (email)=(a@b.c) already exists.')\n"
        "except ValueError:\n"
        "    logging.getLogger('x').exception('It failed.')"
    )

    text = json.loads(line)["exception"]
    assert "Traceback" in text
    assert "key abcd1234.…\nDETAIL: left out" in text
    assert "0123456789" not in text
    assert "a@b.c" not in text


def test_a_text_that_is_no_utf8_is_still_logged():
    (line,) = _lines(r"logging.getLogger('x').warning('%s', '\ud800')")

    assert json.loads(line)["level"] == "warning"


@pytest.mark.parametrize("name", ["django", "django.request", "django.server"])
def test_djangos_own_records_are_written_once(name: str):
    (line,) = _lines(
        "from django.conf import settings\n"
        "from django.utils.log import configure_logging\n"
        "settings.configure(DEBUG=True)\n"
        "configure_logging('orders_project.logging.configure', {'level': 'INFO', 'format': 'json'})\n"
        f"logging.getLogger('{name}').error('Failed.')"
    )

    assert (json.loads(line)["logger"], json.loads(line)["message"]) == (name, "Failed.")


def test_what_is_below_the_level_is_not_written():
    assert _lines("logging.getLogger('x').debug('Small.')") == []


def test_the_console_format_is_for_people():
    (line,) = _lines("logging.getLogger('x').info('Placed.')", "console")

    assert "Placed." in line
    assert not line.startswith("{")


def test_private_fields_are_left_out():
    event = {"event": "saved", "email": "a@b.c", "api_key": "k", "authorization": "Bearer t", "order": "1"}

    kept = leave_out_private_data(logging.getLogger(), "info", event)

    assert kept == {"event": "saved", "order": "1"}


def test_an_api_key_in_a_message_keeps_only_its_prefix():
    event = {"event": "refused abcd1234.0123456789abcdefghijklmnopqrstuv"}

    assert leave_out_private_data(logging.getLogger(), "info", event) == {"event": "refused abcd1234.…"}
