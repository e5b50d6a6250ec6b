"""What an inventory's refusal means for an order."""

from inventory_client import errors as inventory_errors
from orders import errors


def refusal_of(error: inventory_errors.InventoryError) -> errors.OrderError:
    match error:
        case inventory_errors.StockShortage():
            return errors.OutOfStock(error.lines)
        case inventory_errors.UnknownProduct():
            return errors.UnknownProducts(error.product_ids)
        case inventory_errors.ReservationMismatch():
            # Only an id made from an Idempotency-Key can have been used before.
            return errors.IdempotencyKeyReused()
        case inventory_errors.OutcomeUnknown():
            return errors.InventoryAnswerUnknown(
                "The inventory did not answer in time, so no order was placed. Repeat the request with the same "
                "Idempotency-Key; whatever was held without an order is released by itself.",
                retry_after=error.retry_after,
            )
        case inventory_errors.InventoryUnavailable():
            return errors.InventoryDown(
                "The inventory cannot be reached, so no order was placed and no stock is held. Try again shortly.",
                retry_after=error.retry_after,
            )
        case _:
            return errors.InventoryDown(
                f"The inventory did not hold the stock ({error}). No order was placed. Try again shortly."
            )
