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
