"""What an inventory's refusal means for an order."""

from inventory_client import errors as inventory_errors
from orders.rules import errors


def refusal_of(error: inventory_errors.InventoryError, *, effect: str = "No order was placed") -> errors.OrderError:
    """`effect` says what the refusal means for the caller: nothing was placed, or all is as it was."""
    match error:
        case inventory_errors.StockShortage():
            return errors.OutOfStock(error.lines, effect=effect)
        case inventory_errors.UnknownProduct():
            return errors.UnknownProducts(error.product_ids, effect=effect)
        case inventory_errors.ReservationMismatch():
            # Only an id made from an Idempotency-Key can have been used before.
            return errors.IdempotencyKeyReused()
        case inventory_errors.OutcomeUnknown():
            return errors.InventoryAnswerUnknown(
                f"The inventory did not answer in time. {effect}. Repeat the request with the same "
                "Idempotency-Key; whatever was held without an order is released by itself.",
                retry_after=error.retry_after,
            )
        case inventory_errors.InventoryUnavailable():
            return errors.InventoryDown(
                f"The inventory cannot be reached. {effect}, and no stock is held for it. Try again shortly.",
                retry_after=error.retry_after,
            )
        case _:
            return errors.InventoryDown(f"The inventory did not hold the stock ({error}). {effect}. Try again shortly.")
