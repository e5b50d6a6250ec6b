"""The examples in the papers are sent, and answered as they say."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from django.core.management import call_command
from django.test import Client

from orders.api.operations import POSTED
from orders.demo import make_demo
from orders.rules.lifecycle import Operation
from tests.papers.pages import blocks, rows, section

ADDRESS = "http://localhost:8000"
# What stands for something that is another one each time.
SHAPES = {
    r"\b[0-9a-f]{8}-…": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    r"\b[0-9a-f]{8}…": "[0-9a-f]{32}",
    r"\d{4}-\d\d-\d\dT…Z": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "…": ".+",
}


class Curl(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: str


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a shell block; each begins with `curl` or `export`."""
    command: list[str] = []
    for word in shlex.split(text.replace("\\\n", " "), comments=True):
        if word in ("curl", "export") and command:
            yield command
            command = []
        command.append(word)
    yield command


def curl(words: list[str], variables: dict[str, str]) -> Curl:
    method, path, headers, body = "", "", {}, ""
    given = iter(words)
    for word in given:
        match word:
            case "-i" | "-s":
                pass
            case "-X":
                method = next(given)
            case "-d":
                body = next(given)
            case "-H":
                name, value = next(given).split(": ", 1)
                headers[name] = _filled_in(value, variables)
            case _:
                assert word.startswith(ADDRESS), word
                path = _filled_in(word.removeprefix(ADDRESS), variables)
    return Curl(method or ("POST" if body else "GET"), path, headers, body)


def _filled_in(text: str, variables: dict[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda name: variables[name[1]], text)


def sent(asked: Curl) -> Any:
    # What curl sends when it is not told.
    content_type = asked.headers.get("Content-Type", "application/x-www-form-urlencoded" if asked.body else "")
    return Client().generic(asked.method, asked.path, asked.body, content_type=content_type, headers=asked.headers)


@pytest.fixture
def demo(database: None, tmp_path: Path) -> Path:
    """A directory with the facts of the demo, as `script/run` leaves them in the checkout."""
    (tmp_path / ".demo.json").write_bytes(orjson.dumps(make_demo({}, base_url=ADDRESS)))
    return tmp_path


@pytest.mark.parametrize(
    ("page", "exchanges"), [("README.md", 4), ("docs/api.md", 7), ("docs/events.md", 1), ("docs/webhooks.md", 2)]
)
def test_every_call_is_answered_as_the_page_says(page, exchanges, demo):
    variables: dict[str, str] = {}
    answer: Any = None
    compared = 0

    for language, text in blocks(page):
        if language == "sh":
            for command, *words in commands(text):
                if command == "curl":
                    answer = sent(curl(words, variables))
                else:
                    name, value = words[0].split("=", 1)
                    variables[name] = _value_of(value, words, answer, demo)
        elif language in ("http", "json"):
            assert_told(answer, text if language == "http" else f"HTTP/1.1 200 OK\n\n{text}")
            compared += 1

    assert compared == exchanges


def _value_of(value: str, words: list[str], answer: Any, demo: Path) -> str:
    """What a line sets a variable to: what a program finds in the demo's facts, or the id that was just answered."""
    if value == "$(.venv/bin/python":
        code = words[2].removesuffix(")")
        ran = subprocess.run([sys.executable, words[1], code], cwd=demo, capture_output=True, text=True, check=True)
        return ran.stdout.strip()
    assert re.fullmatch("[0-9a-f]{8}-…", value)
    return str(answer.json()["id"])


def assert_told(answer: Any, told: str) -> None:
    head, _, body = told.partition("\n\n")
    status, *headers = head.splitlines()
    assert status == f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}"
    for name, value in (header.split(": ", 1) for header in headers):
        assert like(answer.headers[name], value), (name, answer.headers[name])
    if body:
        assert like(answer.json(), orjson.loads(body)), answer.json()
    else:
        assert answer.content == b""


def like(found: Any, told: Any) -> bool:
    """Is it what is told? "…" among the names of an object stands for others, in a text for something."""
    match told:
        case {"…": _, **rest}:
            return found.keys() >= rest.keys() and all(like(found[name], value) for name, value in rest.items())
        case dict():
            return found.keys() == told.keys() and all(like(found[name], value) for name, value in told.items())
        case list():
            return len(found) == len(told) and all(map(like, found, told))
        case str() if "…" in told:
            pattern = re.escape(told).replace(r"\-", "-")
            for shape, meant in SHAPES.items():
                pattern = re.sub(shape, meant.replace("\\", r"\\"), pattern)
            return re.fullmatch(pattern, found) is not None
        case _:
            return bool(found == told)


def order_of_the_readme() -> Any:
    """The body of the first call."""
    calls = (
        curl(words, {"KEY": ""}) for _, text in blocks("README.md") for name, *words in commands(text) if name == "curl"
    )
    return orjson.loads(next(calls).body)


def test_an_order_lives_as_the_page_says(api, stock):
    stock(cup=100)
    order = api.post("/api/v1/orders", order_of_the_readme(), content_type="application/json").json()
    asked = []

    for call, body, afterwards in rows(section("docs/life-of-an-order.md", "A life, call by call")):
        for name in ("item", "shipment", "refund", "payment", "return"):
            if parts := order[f"{name}s"]:
                body = body.replace(f"<{name}>", parts[-1]["id"])
        response = api.post(
            f"/api/v1/orders/{order['id']}/{call.strip('`')}", body.strip("`"), content_type="application/json"
        )
        assert response.status_code == 200, (call, response.content)
        order = response.json()
        assert part_of(order, orjson.loads(afterwards.strip("`"))), (call, order)
        asked.append(call.strip("`"))

    # What needs a second person, another order or another outcome is shown elsewhere.
    assert set(POSTED) - set(asked) == {
        Operation.APPROVE_REFUND,
        Operation.REJECT_REFUND,
        Operation.REJECT_RETURN,
        Operation.REINSTATE,
        Operation.RESTORE,
    }


def part_of(found: Any, told: Any) -> bool:
    """Does everything that is told stand there? A list has to have as many parts."""
    match told:
        case dict():
            return all(part_of(found[name], value) for name, value in told.items())
        case list():
            return len(found) == len(told) and all(map(part_of, found, told))
        case _:
            return bool(found == told)


def test_an_event_reads_as_the_page_says(api, stock, settings, tmp_path):
    path = tmp_path / "events.ndjson"
    settings.EVENT_SINKS = [f"file:{path}"]
    stock(cup=100)
    order = api.post("/api/v1/orders", order_of_the_readme(), content_type="application/json").json()
    api.post(f"/api/v1/orders/{order['id']}/confirm", content_type="application/json")

    call_command("relay_events", "--once", stderr=io.StringIO())

    told = "\n".join(re.findall(r"^    (.+)$", section("docs/events.md", "The envelope"), re.MULTILINE))
    _, confirmed = path.read_text().splitlines()
    assert like(orjson.loads(confirmed), orjson.loads(told)), confirmed
