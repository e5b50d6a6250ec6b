"""`manage.py queues`: what waits for somebody, for developers."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.base import perform
from tests.orders.asking import sell


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("queues", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def two_shops(api: Any, client_of: Any, other_storefront: Any) -> None:
    sell(api)
    perform("confirm", sell(api)["id"])
    sell(client_of(other_storefront))


def test_shows_each_queue_with_its_count(two_shops):
    lines = run().splitlines()

    assert lines[0] == "2  To confirm"
    assert "1  To ship" in lines
    assert "0  Dead letters" in lines


def test_counts_one_storefront_alone(two_shops):
    lines = run("--storefront", "nz").splitlines()

    assert ("1  To confirm" in lines, "0  To ship" in lines) == (True, True)
    # Of which storefront an event that came in is, nobody knows.
    assert not any("Dead letters" in line for line in lines)


def test_tells_machines_the_same(two_shops, monkeypatch):
    monkeypatch.setattr("orders.reading.queues.MOST_COUNTED", 1)

    queues = {queue["key"]: queue for queue in json.loads(run("--json"))["queues"]}

    assert queues["to_confirm"] == {"key": "to_confirm", "title": "To confirm", "count": 1, "more": True}
    assert queues["to_ship"] == {"key": "to_ship", "title": "To ship", "count": 1, "more": False}


def test_an_unknown_storefront_is_said(two_shops):
    with pytest.raises(CommandError, match=r"There is no storefront 'xx'\. There are: au, nz\."):
        run("--storefront", "xx")
