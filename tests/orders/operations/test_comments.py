"""Comments: words for those who work on an order, in its timeline alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from events.models import Event, PersonalData
from tests.orders.asking import ask, done, sell
from tests.orders.refusals import assert_refused


def newest(api: Any, order_id: str) -> dict[str, Any]:
    entry: dict[str, Any] = api.get(f"/api/v1/orders/{order_id}/timeline").json()["results"][0]
    return entry


def test_a_comment_stands_in_the_timeline_and_changes_nothing_else(api, storefront):
    before = sell(api)

    order = done(api, before["id"], "comment", text="Rang twice.\nNobody answers.")

    assert order == before | {"version": 2, "updated_at": order["updated_at"]}
    told = newest(api, before["id"])
    assert (told["operation"], told["reason"], told["changes"]) == ("comment", "Rang twice.\nNobody answers.", {})


def test_a_reason_is_told_behind_it(api, storefront):
    order = sell(api)

    done(api, order["id"], "comment", text="Rang twice.", reason="asked by the warehouse")

    assert newest(api, order["id"])["reason"] == "Rang twice.\nasked by the warehouse"


def test_it_stands_beside_the_log(api, storefront):
    order = sell(api)
    done(api, order["id"], "comment", text="Mrs Miller is at work until six.")

    event = Event.objects.get(stream_id=order["id"], sequence=2)

    assert event.reason == ""
    assert "Miller" not in str(event.data)
    assert PersonalData.objects.get(stream_id=order["id"], sequence=2).reason == "Mrs Miller is at work until six."


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "x" * 2001}, {"text": None}, {"text": "a\0b"}])
def test_a_comment_has_a_text(api, storefront, body):
    order = sell(api)

    assert_refused(ask(api, order["id"], "comment", **body), 400, "validation_error")

    assert Event.objects.filter(stream_id=order["id"]).count() == 1


def test_by_command(api, storefront, capsys):
    order = sell(api)

    call_command("order", "comment", order["number"], data='{"text": "By hand."}')

    assert newest(api, order["id"])["reason"].startswith("By hand.\n(by ")
