"""Every refusal of the order domain: what is, what was expected, and what would be possible.

`code` is contract and never changes; sentences may be reworded. Which HTTP status a class gets is
decided in `api/errors.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class ExceededLine:
    """More units of an item were asked for than there are."""

    item_id: UUID
    product_id: str
    requested: int
    available: int


class OrderError(Exception):
    """Base of all refusals. `extra` goes into the answer beside the sentence, for machines."""

    code: ClassVar[str] = "order_error"
    title: ClassVar[str] = "The request was refused"
    # What of the order or the caller stands in the way, where it is one of: status, hold, scope, quantity, state.
    obstacle: ClassVar[str | None] = None

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
    obstacle = "status"
    title = "The order's status cannot change like this"

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
    obstacle = "status"
    title = "This can no longer be changed"

    def __init__(self, what: str, status: str, allowed: Iterable[str]) -> None:
        choices = list(allowed)
        super().__init__(
            f"The {what} of a {status} order cannot be changed; it can while an order is {' or '.join(choices)}.",
            field=what,
            current=status,
            allowed=choices,
        )


class AddressInUse(OrderError):
    code = "address_in_use"
    title = "A parcel is on its way"
    obstacle = "quantity"

    def __init__(self) -> None:
        super().__init__("A parcel has left for this address, so the addresses can no longer be changed.")


class NotAllowedNow(OrderError):
    code = "not_allowed_in_status"
    title = "The order's status does not allow this"
    obstacle = "status"

    def __init__(self, operation: str, status: str, allowed: Iterable[str]) -> None:
        choices = list(allowed)
        super().__init__(
            f"{operation} is not possible for a {status} order; it is for orders that are {' or '.join(choices)}.",
            operation=operation,
            current=status,
            allowed=choices,
        )


class OrderOnHold(OrderError):
    code = "order_on_hold"
    title = "The order is held up"
    obstacle = "hold"

    def __init__(self, operation: str, holds: Sequence[Mapping[str, Any]]) -> None:
        kinds = ", ".join(f"{hold['kind']} (by {hold['placed_by']})" for hold in holds)
        super().__init__(
            f"{operation} is blocked by {'a hold' if len(holds) == 1 else 'holds'}: {kinds}. "
            f"Release {'it' if len(holds) == 1 else 'them'} first.",
            operation=operation,
            holds=[{"id": hold["id"], "kind": hold["kind"]} for hold in holds],
        )


class NotPermitted(OrderError):
    code = "missing_scope"
    title = "The caller may not do this"
    obstacle = "scope"

    def __init__(self, operation: str, missing: str) -> None:
        super().__init__(f"{operation} needs {missing}.", operation=operation, needs=missing.rpartition(" ")[2])


class NothingLeft(OrderError):
    """`what` completes "There is …"."""

    code = "nothing_left"
    title = "There is nothing left to do this to"
    obstacle = "quantity"

    def __init__(self, operation: str, what: str) -> None:
        super().__init__(f"There is {what}.", operation=operation)


class QuantityExceeded(OrderError):
    code = "quantity_exceeded"
    title = "More units than there are"
    obstacle = "quantity"

    def __init__(self, verb: str, lines: Sequence[ExceededLine]) -> None:
        told = "; ".join(f"{x.product_id}: {x.requested} wanted, {x.available} can be {verb}" for x in lines)
        super().__init__(
            f"Nothing was {verb}. {told}.",
            items=[{**asdict(line), "item_id": str(line.item_id)} for line in lines],
        )


class AmountExceeded(OrderError):
    code = "amount_exceeded"
    title = "More money than there is"
    obstacle = "quantity"

    def __init__(self, *, requested: int, available: int) -> None:
        super().__init__(
            f"{requested} was asked for, but only {available} (minor units) can be refunded: what was captured less "
            "what has been given back and what is being refunded already.",
            requested=requested,
            available=available,
        )


class ItemShipped(OrderError):
    code = "item_shipped"
    title = "Units of this item have been shipped"
    obstacle = "quantity"

    def __init__(self, item_id: UUID, product_id: str, shipped: int) -> None:
        super().__init__(
            f"{shipped} of {product_id} have been shipped already, so this item can no longer be amended. "
            "Cancel what is open of it, or add a new item.",
            item_id=str(item_id),
            product_id=product_id,
        )


class NoItemsLeft(OrderError):
    code = "no_items_left"
    title = "An order needs an item"
    obstacle = "quantity"

    def __init__(self) -> None:
        super().__init__("The amendment would leave the order without an open item. Cancel the order instead.")


class NoStockHeld(OrderError):
    code = "no_stock_held"
    title = "The order has no reservation"
    obstacle = "quantity"

    def __init__(self) -> None:
        super().__init__(
            "The order was imported and holds no stock here, so units cannot be added to it. Place a new order."
        )


class UnknownPart(OrderError):
    """`what` is "item", "shipment", "refund", "return" or "hold"."""

    code = "unknown_part"
    title = "The order has no such part"

    def __init__(self, what: str, part_id: UUID) -> None:
        super().__init__(
            f"The order has no {what} {part_id}.",
            errors=[FieldError(f"/{what}_id", "unknown_part", f"Choose a {what} of this order.")],
        )


class Ambiguous(OrderError):
    code = "ambiguous"
    title = "It is not clear which one is meant"

    def __init__(self, what: str, ids: Sequence[UUID]) -> None:
        choices = [str(part_id) for part_id in ids]
        super().__init__(
            f"The order has {len(choices)} of them: say which {what} is meant, by {what}_id.",
            errors=[FieldError(f"/{what}_id", "required", f"One of: {', '.join(choices)}.")],
            choices=choices,
        )


class WrongState(OrderError):
    code = "wrong_state"
    title = "This has been decided already"
    obstacle = "state"

    def __init__(self, what: str, state: str, expected: str) -> None:
        super().__init__(
            f"The {what} is {state}; only one that is {expected} can be taken further.",
            current=state,
            allowed=[expected],
        )


class OwnRequest(OrderError):
    code = "own_request"
    title = "Somebody else has to approve this"
    obstacle = "scope"

    def __init__(self, requested_by: str) -> None:
        super().__init__(
            f"{requested_by} has requested this refund, so somebody else has to approve it.", requested_by=requested_by
        )


class PaymentConflict(OrderError):
    code = "payment_conflict"
    title = "This payment was recorded differently"

    def __init__(self, reference: str, kind: str) -> None:
        super().__init__(
            f"A {kind} with the reference {reference!r} has been recorded with another amount or currency, or for "
            "another order. A payment provider's reference stands for one fact.",
            errors=[FieldError("/psp_reference", "payment_conflict", "Check the reference.")],
        )


class CurrencyMismatch(OrderError):
    code = "currency_mismatch"
    title = "The order has another currency"

    def __init__(self, *, expected: str, got: str) -> None:
        super().__init__(
            f"The order is in {expected}, the payment in {got}.",
            errors=[FieldError("/currency", "currency_mismatch", f"Expected {expected}.")],
            expected=expected,
            got=got,
        )


class NotExpired(OrderError):
    code = "not_expired"
    title = "The order does not expire"
    obstacle = "state"

    def __init__(self, why: str) -> None:
        super().__init__(f"The order does not expire: {why}.")


class MoneyOnOrder(OrderError):
    code = "money_on_order"
    title = "Money was recorded for this order"
    obstacle = "state"

    def __init__(self, amount: int) -> None:
        super().__init__(
            f"{amount} (minor units) of captured money lie on this order. Cancel it, so that they are refunded; "
            "a canceled order can be deleted.",
            captured=amount,
        )


class NoSuchVersion(OrderError):
    code = "no_such_version"
    title = "The order has no such version"

    def __init__(self, version: int, current: int) -> None:
        super().__init__(f"The order has no version {version}; it has 1 to {current}.", current_version=current)


class PreferenceNotSupported(OrderError):
    code = "preference_not_supported"
    title = "This cannot be rehearsed"

    def __init__(self) -> None:
        super().__init__(
            "Prefer: dry-run is not offered here, and nothing was done. Operations on an order that exists offer it."
        )


class NotDeletable(OrderError):
    code = "not_deletable"
    obstacle = "status"
    title = "The order cannot be deleted now"

    def __init__(self, status: str, deletable: Iterable[str], *, following: Iterable[str]) -> None:
        choices = sorted(deletable)
        first = " or ".join(sorted(set(choices) & set(following)))
        super().__init__(
            f"A {status} order cannot be deleted; {' and '.join(choices)} ones can. It has to be {first} first.",
            current=status,
            allowed=choices,
        )


class NotDeleted(OrderError):
    code = "not_deleted"
    obstacle = "status"
    title = "The order is not deleted"

    def __init__(self, order_id: UUID) -> None:
        super().__init__(f"Order {order_id} is not deleted, so there is nothing to restore.")


class OutOfStock(OrderError):
    code = "out_of_stock"
    title = "There is not enough stock"

    def __init__(self, lines: Sequence[ShortLine], *, effect: str = "No order was placed") -> None:
        wanted = "; ".join(f"{line.product_id}: {line.requested} wanted, {line.available} available" for line in lines)
        super().__init__(f"{effect}; there is not enough stock. {wanted}.", products=[asdict(x) for x in lines])


class UnknownProducts(OrderError):
    code = "unknown_product"
    title = "The inventory does not know a product"

    def __init__(self, product_ids: Sequence[str], *, effect: str = "No order was placed") -> None:
        super().__init__(
            f"The inventory does not know: {', '.join(product_ids)}. {effect}.",
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
