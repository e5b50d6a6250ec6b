"""The life of an order, call by call, as the README tells it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings

from orders.api.operations import POSTED
from orders.rules.lifecycle import OPERATIONS, Operation
from orders.rules.statuses import OrderStatus

README = (Path(settings.BASE_DIR) / "README.md").read_text()


def rows_after(heading: str) -> Iterator[list[str]]:
    """The cells of the first table after the heading."""
    began = False
    for line in README.split(heading, 1)[1].splitlines():
        if line.startswith("|"):
            began = True
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]
        elif began:
            return


def test_the_table_of_operations_is_the_one_the_code_uses():
    shown = {}
    for name, *cells in rows_after("when its rest is canceled it is `shipped`."):
        if name.startswith("`"):
            shown[name.strip("`")] = [cell.strip("`") for cell in cells]

    assert shown == {
        operation.value: [
            rules.meaning.strip("`"),
            "any" if rules.statuses == set(OrderStatus) else ", ".join(s for s in OrderStatus if s in rules.statuses),
            rules.scope or "–",
            rules.permission or "–",
        ]
        for operation, rules in OPERATIONS.items()
    }


def test_an_order_lives_as_the_readme_says(api, stock):
    stock(cup=100)
    order = api.post(
        "/api/v1/orders",
        {
            "customer_id": "cus123",
            "currency": "AUD",
            "items": [{"product_id": "cup", "quantity": 2, "unit_amount": 1299}],
            "shipping_amount": 500,
            "total_amount": 3098,
        },
        content_type="application/json",
    ).json()
    asked = []

    for call, body, afterwards in rows_after("exactly these):"):
        if not call.startswith("`"):
            continue
        for name in ("item", "shipment", "refund"):
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
