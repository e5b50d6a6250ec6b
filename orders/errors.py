"""Every refusal of the order domain: what is, what was expected, and what would be possible.

`code` is contract and never changes; sentences may be reworded. Which HTTP status a class gets is
decided in `api_errors.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar
from uuid import UUID

from inventory_client.values import ShortLine


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong in a request. `pointer` is an RFC 6901 JSON pointer into its body, or a parameter's name."""

    pointer: str
    code: str
    detail: str


class OrderError(Exception):
    """Base of all refusals. `extra` goes into the answer beside the sentence, for machines."""

    code: ClassVar[str] = "order_error"
    title: ClassVar[str] = "The request was refused"

    def __init__(self, detail: str, *, errors: Sequence[FieldError] = (), **extra: Any) -> None:
        self.detail = detail
        self.errors = [asdict(error) for error in errors]
        self.extra = extra
        super().__init__(detail)


class InvalidRequest(OrderError):
    code = "validation_error"
    title = "The request is not valid"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        where = f" at {errors[0].pointer}" if errors[0].pointer else ""
        super().__init__(f"{errors[0].detail.rstrip('.')}{where}.", errors=errors)


class MalformedJson(OrderError):
    code = "malformed_json"
    title = "The body is not JSON"


class TotalsMismatch(OrderError):
    code = "totals_mismatch"
    title = "The amounts do not add up"

    def __init__(self, field: str, *, expected: int, got: int, formula: str) -> None:
        super().__init__(
            f"{field} is {got}, but {formula} is {expected}: a difference of {got - expected}.",
            errors=[FieldError(f"/{field}", "totals_mismatch", f"Expected {expected}.")],
            expected=expected,
            got=got,
            difference=got - expected,
        )


class OrderNotFound(OrderError):
    code = "order_not_found"
    title = "There is no such order"

    def __init__(self, order_id: UUID | str) -> None:
        super().__init__(f"There is no order {order_id} in this storefront.")


class VersionMismatch(OrderError):
    code = "version_mismatch"
    title = "The order has changed since it was read"

    def __init__(self, *, current: int, expected: str) -> None:
        super().__init__(
            f"If-Match asks for {expected}, but the order is at version {current}: read it again, then decide.",
            current_version=current,
        )


class OrderBusy(OrderError):
    code = "order_busy"
    title = "The order is being changed by another request"

    def __init__(self, order_id: UUID | None = None) -> None:
        what = f"Order {order_id}" if order_id else "The order"
        super().__init__(f"{what} is being changed by other requests; nothing was done. Send the request again.")


class InvalidTransition(OrderError):
    code = "invalid_transition"
    title = "The order cannot take this step"

    def __init__(self, current: str, wanted: str, allowed: Iterable[str]) -> None:
        choices = sorted(allowed)
        super().__init__(
            f"A {current} order cannot become {wanted}; it can become: {', '.join(choices) or 'nothing'}.",
            current=current,
            wanted=wanted,
            allowed=choices,
        )


class DetailsLocked(OrderError):
    code = "details_locked"
    title = "This can no longer be changed"

    def __init__(self, what: str, status: str) -> None:
        super().__init__(f"The {what} of a {status} order cannot be changed.", field=what, current=status)


class NotDeletable(OrderError):
    code = "not_deletable"
    title = "The order cannot be deleted now"

    def __init__(self, status: str, deletable: Iterable[str]) -> None:
        choices = sorted(deletable)
        super().__init__(
            f"A {status} order cannot be deleted; orders that are {' or '.join(choices)} can. Cancel it first.",
            current=status,
            allowed=choices,
        )


class NotDeleted(OrderError):
    code = "not_deleted"
    title = "The order is not deleted"

    def __init__(self, order_id: UUID) -> None:
        super().__init__(f"Order {order_id} is not deleted, so there is nothing to restore.")


class OutOfStock(OrderError):
    code = "out_of_stock"
    title = "There is not enough stock"

    def __init__(self, lines: Sequence[ShortLine]) -> None:
        wanted = "; ".join(f"{line.product_id}: {line.requested} wanted, {line.available} available" for line in lines)
        super().__init__(f"Nothing was ordered and no stock is held. {wanted}.", products=[asdict(x) for x in lines])


class UnknownProducts(OrderError):
    code = "unknown_product"
    title = "The inventory does not know a product"

    def __init__(self, product_ids: Sequence[str]) -> None:
        super().__init__(
            f"The inventory does not know: {', '.join(product_ids)}. Nothing was ordered.",
            products=[{"product_id": product_id} for product_id in product_ids],
        )


class DuplicateReference(OrderError):
    code = "duplicate_reference"
    title = "This external_reference is taken"

    def __init__(self, reference: str, order_id: UUID | None) -> None:
        which = f"order {order_id}" if order_id else "another order of the same request"
        super().__init__(
            f"The external_reference {reference!r} belongs to {which} of this storefront.",
            errors=[FieldError("/external_reference", "duplicate_reference", "Choose another, or read that order.")],
            order_id=str(order_id) if order_id else None,
        )


class IdempotencyKeyReused(OrderError):
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"

    def __init__(self) -> None:
        super().__init__(
            "The Idempotency-Key came earlier with another body. Repeat that body, or take a new key for a new order.",
            errors=[FieldError("Idempotency-Key", "idempotency_key_reused", "A key stands for one body.")],
        )


class TemporarilyUnavailable(OrderError):
    """Base of what a caller should simply try again. `retry_after` is in seconds."""

    code = "temporarily_unavailable"
    title = "Try again in a moment"

    def __init__(self, detail: str, *, retry_after: float = 5.0) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class InventoryDown(TemporarilyUnavailable):
    code = "inventory_unavailable"
    title = "The inventory cannot be reached"


class InventoryAnswerUnknown(TemporarilyUnavailable):
    code = "inventory_outcome_unknown"
    title = "The inventory did not answer in time"


class PlacementTooSlow(TemporarilyUnavailable):
    code = "placement_too_slow"
    title = "Placing took longer than the stock could be held"
