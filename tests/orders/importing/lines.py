"""Lines for imports: a plain order, and what a test changes in it."""

import json
from typing import Any


def line(reference: str = "r1", **changes: Any) -> str:
    """A line of the file, with its line break. `...` takes a field out."""
    order = {
        "storefront": "br-south",
        "external_reference": reference,
        "customer_id": "cus1",
        "currency": "BRL",
        "placed_at": "2017-03-01T10:00:00Z",
        "items": [{"product_id": "cup", "name": "Cup", "quantity": 2, "unit_amount": 1000}],
        "shipping_amount": 500,
        "total_amount": 2500,
        "payments": [{"method": "credit_card", "installments": 3, "amount": 2500}],
        "history": {"status": "delivered", "approved_at": "2017-03-01T11:00:00Z",
                    "shipped_at": "2017-03-02T12:00:00Z", "delivered_at": "2017-03-05T13:00:00Z",
                    "estimated_delivery_at": "2017-03-20T00:00:00Z"},
    } | changes  # fmt: skip
    return json.dumps({name: value for name, value in order.items() if value is not ...}) + "\n"


def history(status: str, **stamps: str) -> dict[str, str]:
    """`history("shipped", approved_at="2017-03-01T11:00:00Z")`: what is not named is not known."""
    return {"status": status, **stamps}
