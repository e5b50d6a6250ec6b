"""Of an authorization what was captured is refunded, and the rest is to be voided."""

from __future__ import annotations

import pytest

from tests.base import perform
from tests.orders.asking import last_event, sell


@pytest.mark.parametrize(
    ("facts", "kinds"),
    [
        ([("authorization", 3000)], ["void"]),
        ([("authorization", 3000), ("capture", 1000)], ["refund", "void"]),
        ([("authorization", 3000), ("capture", 3000), ("refund", 3000)], []),
        ([("authorization", 3000), ("capture", 3000), ("chargeback", 3000)], []),
        ([("authorization", 3000), ("void", 3000)], []),
    ],
)
def test_canceling_asks_to_void_what_was_authorized_and_never_captured(api, storefront, facts, kinds):
    order_id = sell(api)["id"]
    for kind, amount in facts:
        perform("record_payment", order_id, kind=kind, amount=amount, psp_reference=f"{kind}-{amount}")

    perform("cancel", order_id)

    assert [instruction["kind"] for instruction in last_event(order_id).data["instructions"]] == kinds


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_an_authorization_that_comes_when_the_order_has_ended_is_to_be_voided_at_once(api, storefront, end):
    order_id = sell(api)["id"]
    perform("record_payment", order_id, kind="authorization", amount=3000, psp="acme", psp_reference="au_1")
    perform(end, order_id)

    perform("record_payment", order_id, kind="authorization", amount=2000, psp="acme", psp_reference="au_2")

    assert last_event(order_id).data["instructions"] == [
        {
            "kind": "void",
            "amount": 2000,
            "currency": "AUD",
            "payments": [{"psp": "acme", "psp_reference": "au_2", "amount": 2000}],
        }
    ]
    perform("record_payment", order_id, kind="void", amount=2000, psp="acme", psp_reference="vo_1")
    assert last_event(order_id).data["instructions"] == []


def test_an_authorization_that_was_void_before_it_came_is_not_to_be_voided(api, storefront):
    order_id = sell(api)["id"]
    perform("cancel", order_id)
    perform("record_payment", order_id, kind="void", amount=2000, psp_reference="vo_1", parent_reference="au_1")

    perform("record_payment", order_id, kind="authorization", amount=2000, psp_reference="au_1")

    assert last_event(order_id).data["instructions"] == []


@pytest.mark.parametrize(("end", "bring_back"), [("cancel", "reinstate"), ("delete", "restore")])
def test_an_order_that_lives_again_wants_what_is_authorized(api, storefront, end, bring_back):
    order_id = sell(api)["id"]
    perform("record_payment", order_id, kind="authorization", amount=3000, psp="acme", psp_reference="au_1")
    perform("record_payment", order_id, kind="authorization", amount=500, psp="acme", psp_reference="au_2")
    perform(end, order_id)
    perform(
        "record_payment", order_id, kind="void", amount=500, psp="acme", psp_reference="v_1", parent_reference="au_2"
    )

    perform(bring_back, order_id, reason="after all")

    assert last_event(order_id).data["instructions"] == [
        {
            "kind": "withdraw_void",
            "amount": 3000,
            "currency": "AUD",
            "payments": [{"psp": "acme", "psp_reference": "au_1", "amount": 3000}],
        }
    ]


def test_one_that_was_deleted_when_it_had_ended_long_ago_wants_nothing(api, storefront):
    order_id = sell(api)["id"]
    perform("record_payment", order_id, kind="authorization", amount=3000, psp="acme", psp_reference="au_1")
    perform("cancel", order_id)
    perform("delete", order_id)

    perform("restore", order_id)

    assert last_event(order_id).data["instructions"] == []
