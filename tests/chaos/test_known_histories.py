"""Histories that drawing came upon once, told by hand: service and model say the same of every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.chaos.drawn_requests import Request
from tests.chaos.model.parts import Document
from tests.chaos.test_any_history import ORDERS, HistoriesOfMoney

Tell = Callable[..., None]


@pytest.fixture
def history(database: None) -> Iterator[HistoriesOfMoney]:
    history = HistoriesOfMoney()
    history.open(policy="manual", approval_limit=None)
    yield history
    history.teardown()


@pytest.fixture
def tell(history: HistoriesOfMoney) -> Tell:
    """Ann asks for an operation on the latest order: `tell("amend", items=[…])`."""

    def perform(operation: str, **body: Any) -> None:
        history._perform(Request(history.model.orders[-1], operation, "ann", body))

    return perform


def sold(history: HistoriesOfMoney) -> str:
    """Place an order of one cup with its price; the item's id."""
    item: Document = {"product_id": "cup", "quantity": 1, "unit_amount": 500}
    body = {"customer_id": "cus123", "items": [item]}
    history._place(ORDERS, body, body, key=None)
    item_id: str = history.model.orders[-1].items[0].id
    return item_id


@pytest.mark.parametrize("sum_given", [{}, {"items_amount": 500}])
def test_the_last_item_with_a_price_is_replaced_by_one_without(
    history: HistoriesOfMoney, tell: Tell, sum_given: dict[str, int]
):
    item_id = sold(history)

    tell("amend", items=[{"item_id": item_id, "quantity": 0}, {"product_id": "bowl", "quantity": 2}], **sum_given)

    amended = history.model.orders[-1].version == 2
    assert amended == bool(sum_given)
