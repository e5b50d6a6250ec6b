"""Of what the relay writes CloudWatch makes metrics, or drops it without a word: the lines keep to its format."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from django.db import OperationalError
from pytest_django.fixtures import Settings

from events import lag_lines as module
from events.lag import SinkLag
from events.lag_lines import LagLines, lag_lines
from tests.processes import running

# The rules of the published schema (Specification: Embedded metric format, of CloudWatch's user guide).
_NAME = {"type": "string", "minLength": 1, "maxLength": 1024}
_UNITS = ["Seconds", "Microseconds", "Milliseconds", "Bytes", "Percent", "Count", "None"]
_DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "additionalProperties": False,
    "properties": {
        "Namespace": _NAME,
        "Dimensions": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "array",
                "minItems": 0,
                "maxItems": 30,
                "items": {"type": "string", "minLength": 1, "maxLength": 250},
            },
        },
        "Metrics": {
            "type": "array",
            "maxItems": 100,
            "items": {
                "type": "object",
                "required": ["Name"],
                "additionalProperties": False,
                "properties": {"Name": _NAME, "Unit": {"enum": _UNITS}, "StorageResolution": {"enum": [1, 60]}},
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {"type": "array", "minItems": 1, "items": _DIRECTIVE},
            },
        }
    },
}


def parsed(line: str) -> dict[str, Any]:
    """A line that CloudWatch takes: by the schema, and with a value for all that the directives name."""
    told: dict[str, Any] = json.loads(line)
    jsonschema.validate(told, SCHEMA)
    for directive in told["_aws"]["CloudWatchMetrics"]:
        assert all(isinstance(told[name], str) for names in directive["Dimensions"] for name in names)
        assert all(isinstance(told[metric["Name"]], int | float) for metric in directive["Metrics"])
    return told


def _said(told: dict[str, Any]) -> tuple[str | None, float, int]:
    return told.get("Sink"), told["RelayLagSeconds"], told["ParkedEvents"]


def test_each_sink_has_a_line_and_all_together_have_one():
    lags = {"sns": SinkLag(12.3456, 2), "console": SinkLag(0.0, 1)}

    lines = [parsed(line) for line in lag_lines("Orders/Production", lags, milliseconds=1_764_550_800_123)]

    assert lines[1] == {
        "_aws": {
            "Timestamp": 1_764_550_800_123,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Orders/Production",
                    "Dimensions": [["Sink"]],
                    "Metrics": [
                        {"Name": "RelayLagSeconds", "Unit": "Seconds"},
                        {"Name": "ParkedEvents", "Unit": "Count"},
                    ],
                }
            ],
        },
        "Sink": "sns",
        "RelayLagSeconds": 12.346,
        "ParkedEvents": 2,
    }
    assert [_said(line) for line in lines] == [("console", 0.0, 1), ("sns", 12.346, 2), (None, 12.346, 3)]
    assert lines[2]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]


def test_without_sinks_there_is_no_lag():
    (line,) = lag_lines("Orders", {}, milliseconds=1)

    assert _said(parsed(line)) == (None, 0.0, 0)


class _Stop(threading.Event):
    """Set after so many pauses, of which each is told."""

    def __init__(self, pauses: int) -> None:
        super().__init__()
        self.left = pauses
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        self.left -= 1
        if not self.left:
            self.set()
        return self.is_set()


@pytest.mark.usefixtures("database")
def test_a_relay_tells_once_a_minute_whatever_the_format_of_its_log(
    settings: Settings, append_stream: Callable[[int], UUID], capsys: pytest.CaptureFixture[str]
):
    settings.EVENT_SINKS = ["memory"]
    settings.CLOUDWATCH_NAMESPACE = "Orders"
    append_stream(1)
    stop = _Stop(2)

    LagLines().run(stop)

    lines = [parsed(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("Sink") for line in lines] == ["memory", None, "memory", None]
    assert all(line["RelayLagSeconds"] > 0 for line in lines)
    assert stop.seconds == [60.0, 60.0]


@pytest.mark.usefixtures("database")
def test_without_the_database_nothing_is_told_and_it_goes_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    settings.CLOUDWATCH_NAMESPACE = "Orders"
    answers: list[Exception | dict[str, SinkLag]] = [OperationalError("gone"), {"sns": SinkLag(1.0, 0)}]

    def lag() -> dict[str, SinkLag]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(module, "relay_lag", lag)

    LagLines().run(_Stop(2))

    assert [_said(parsed(line)) for line in capsys.readouterr().out.splitlines()] == [("sns", 1.0, 0), (None, 1.0, 0)]


def test_a_running_relay_writes_them_to_standard_output(command_environment: dict[str, str], manage_py: Any):
    environment = command_environment | {"CLOUDWATCH_NAMESPACE": "Orders", "EVENT_SINKS": "console"}
    with running(
        [sys.executable, manage_py, "relay_events"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as relay:
        assert relay.stdout is not None
        lines = [parsed(relay.stdout.readline()) for _ in range(2)]
        relay.terminate()
        relay.wait(60)

    assert relay.returncode == 0
    assert [_said(line) for line in lines] == [("console", 0.0, 0), (None, 0.0, 0)]
