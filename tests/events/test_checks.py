"""Sinks that cannot be are told before an order fails at them."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.checks import check_sinks


@pytest.mark.parametrize(
    ("sinks", "told"),
    [
        (
            ["nosuch"],
            "EVENT_SINKS names 'nosuch', whose sink 'nosuch' is unknown. There are: console, file:PATH, amqp://…, "
            "kafka://…, nats://…, redis://…, sns:ARN, sqs:URL, eventbridge:ARN.",
        ),
        (
            ["console", "console"],
            "EVENT_SINKS names the sink 'console' twice; each sink has one queue. Name it once, or put another name "
            "before one of them, as in other=console.",
        ),
        (["file"], "EVENT_SINKS names the sink 'file' without a path, as in file:/path/of.ndjson."),
        (
            ["console:/tmp/x"],
            "EVENT_SINKS names 'console:/tmp/x'; the sink 'console' takes nothing behind a colon but ?type=, "
            "?storefront= and ?personal=1.",
        ),
        (["console?personal=yes"], "EVENT_SINKS names 'console?personal=yes'; personal is 1, or 0 or left out."),
    ],
)
def test_refuses_sinks_that_cannot_be(settings, sinks, told):
    settings.EVENT_SINKS = sinks

    (error,) = check_sinks(None)
    assert (error.id, error.msg) == ("events.E001", told)


def test_takes_a_file_that_is_there_or_can_be_made(settings, tmp_path: Path):
    (tmp_path / "there.ndjson").touch()

    for name in ("there.ndjson", "new.ndjson"):
        settings.EVENT_SINKS = ["console", f"file:{tmp_path}/{name}"]
        assert check_sinks(None) == []


@pytest.mark.parametrize(("path", "why"), [("missing/x", "its folder is not there"), ("", "it is a folder")])
def test_warns_of_a_file_that_cannot_be_written(settings, tmp_path: Path, path: str, why: str):
    settings.EVENT_SINKS = [f"file:{tmp_path}/{path}"]

    (warning,) = check_sinks(None)
    assert warning.id == "events.W001"
    assert warning.msg == f"EVENT_SINKS names the file '{tmp_path}/{path}', which cannot be written here: {why}."
