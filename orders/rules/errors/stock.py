"""Refusals of the inventory, as they are told of an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from inventory_client.values import ShortLine
from orders.rules.errors.refusal import OrderError, TemporarilyUnavailable


class OutOfStock(OrderError):
    code = "out_of_stock"
    title = "There is not enough stock"
    tells_contents = True

    def __init__(self, lines: Sequence[ShortLine], *, effect: str = "No order was placed") -> None:
        wanted = "; ".join(f"{line.product_id}: {line.requested} wanted, {line.available} available" for line in lines)
        super().__init__(f"{effect}; there is not enough stock. {wanted}.", products=[asdict(x) for x in lines])


class UnknownProducts(OrderError):
    code = "unknown_product"
    title = "The inventory does not know a product"
    tells_contents = True

    def __init__(self, product_ids: Sequence[str], *, effect: str = "No order was placed") -> None:
        super().__init__(
            f"The inventory does not know: {', '.join(product_ids)}. {effect}.",
            products=[{"product_id": product_id} for product_id in product_ids],
        )


class InventoryDown(TemporarilyUnavailable):
    code = "inventory_unavailable"
    title = "The inventory cannot be reached"


class InventoryAnswerUnknown(TemporarilyUnavailable):
    code = "inventory_outcome_unknown"
    title = "The inventory did not answer in time"


class PlacementTooSlow(TemporarilyUnavailable):
    code = "placement_too_slow"
    title = "Placing took longer than the stock could be held"
