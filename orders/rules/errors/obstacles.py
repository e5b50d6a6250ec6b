"""Refusals by where the order stands: its status, its holds, what is left of it, and who asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from orders.rules.errors.refusal import OrderError


class NotPermitted(OrderError):
    code = "missing_scope"
    title = "The caller may not do this"
    obstacle = "scope"

    def __init__(self, operation: str, missing: str) -> None:
        super().__init__(f"{operation} needs {missing}.", operation=operation, needs=missing.rpartition(" ")[2])


class StorefrontSwitchedOff(OrderError):
    code = "storefront_switched_off"
    title = "The storefront is switched off"

    def __init__(self, storefront: str, *, since: datetime, reason: str) -> None:
        super().__init__(
            f"The storefront {storefront} has been switched off since {since:%Y-%m-%d %H:%M} UTC: "
            f"{reason.rstrip('.')}. Its keys are refused until it is switched on again.",
            reason=reason,
        )


class OwnRequest(OrderError):
    code = "own_request"
    title = "Somebody else has to approve this"
    obstacle = "scope"

    def __init__(self, requested_by: str, *, asked_by: str) -> None:
        same = "" if asked_by == requested_by else f" {asked_by} stands for the same person."
        super().__init__(
            f"{requested_by} has requested this refund, so somebody else has to approve it.{same}",
            requested_by=requested_by,
        )
        self.actors = (requested_by, asked_by)


class InvalidTransition(OrderError):
    code = "invalid_transition"
    obstacle = "status"
    title = "The order's status cannot change like this"

    def __init__(self, current: str, wanted: str, allowed: Iterable[str]) -> None:
        choices = sorted(allowed)
        super().__init__(
            f"A {current} order cannot be {wanted}; "
            + (f"it can be {' or '.join(choices)}." if choices else "no other status follows on it."),
            current=current,
            wanted=wanted,
            allowed=choices,
        )


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


class DetailsLocked(OrderError):
    code = "details_locked"
    obstacle = "status"
    title = "This can no longer be changed"

    def __init__(self, what: str, status: str, allowed: Iterable[str]) -> None:
        choices = list(allowed)
        super().__init__(
            f"The {what} of a {status} order cannot be changed; that is for orders that are {' or '.join(choices)}.",
            field=what,
            current=status,
            allowed=choices,
        )


class NotDeletable(OrderError):
    code = "not_deletable"
    obstacle = "status"
    title = "The order cannot be deleted now"

    def __init__(self, status: str, deletable: Iterable[str], *, following: Iterable[str]) -> None:
        choices = sorted(deletable)
        first = " or ".join(sorted(set(choices) & set(following)))
        listed = " and ".join(part for part in (", ".join(choices[:-1]), choices[-1]) if part)
        super().__init__(
            f"A {status} order cannot be deleted, only {listed} ones can. It has to be {first} first.",
            current=status,
            allowed=choices,
        )


class NotDeleted(OrderError):
    code = "not_deleted"
    obstacle = "status"
    title = "The order is not deleted"

    def __init__(self, order_id: UUID) -> None:
        super().__init__(f"Order {order_id} is not deleted, so there is nothing to restore.")


class OrderOnHold(OrderError):
    code = "order_on_hold"
    title = "The order is held up"
    obstacle = "hold"
    tells_contents = True

    def __init__(self, operation: str, holds: Sequence[Mapping[str, Any]]) -> None:
        kinds = ", ".join(f"{hold['kind']} (by {hold['placed_by']})" for hold in holds)
        super().__init__(
            f"{operation} is blocked by {'a hold' if len(holds) == 1 else 'holds'}: {kinds}. "
            f"Release {'it' if len(holds) == 1 else 'them'} first.",
            operation=operation,
            holds=[{"id": hold["id"], "kind": hold["kind"]} for hold in holds],
        )
        self.actors = [hold["placed_by"] for hold in holds]


class AddressInUse(OrderError):
    code = "address_in_use"
    title = "A parcel is on its way"
    obstacle = "quantity"

    def __init__(self) -> None:
        super().__init__("A parcel has left for this address, so the addresses can no longer be changed.")


class NothingLeft(OrderError):
    """`what` completes "There is …"."""

    code = "nothing_left"
    title = "There is nothing left to do this to"
    obstacle = "quantity"

    def __init__(self, operation: str, what: str) -> None:
        super().__init__(f"There is {what}.", operation=operation)


@dataclass(frozen=True, slots=True)
class ExceededLine:
    """More units of an item were asked for than there are."""

    item_id: UUID
    product_id: str
    requested: int
    available: int


class QuantityExceeded(OrderError):
    code = "quantity_exceeded"
    title = "More units than there are"
    obstacle = "quantity"
    tells_contents = True

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
    tells_contents = True

    def __init__(self, *, requested: int, available: int, can_be: str = "") -> None:
        can_be = can_be or (
            "refunded: what was captured less what has been given back and what is being refunded already"
        )
        super().__init__(
            f"{requested} was asked for, but only {available} (minor units) can be {can_be}.",
            requested=requested,
            available=available,
        )


class ItemShipped(OrderError):
    code = "item_shipped"
    title = "Units of this item have been shipped"
    obstacle = "quantity"
    tells_contents = True

    def __init__(self, item_id: UUID, product_id: str, shipped: int) -> None:
        super().__init__(
            f"{shipped} of {product_id} have been shipped already, so this item can no longer be amended. "
            "Cancel what is open of it, or add a new item.",
            item_id=str(item_id),
            product_id=product_id,
        )


class LimitReached(OrderError):
    """`part` is a field of the order's document; `instead` a sentence that says what to do."""

    code = "limit_reached"
    title = "The order has room for no more of these"
    obstacle = "quantity"

    def __init__(self, part: str, *, most: int, wanted: int, instead: str) -> None:
        super().__init__(
            f"Nothing was done. The order would have {wanted:,} {part}; {most:,} is the most there can be. {instead}",
            part=part,
            limit=most,
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


class WrongState(OrderError):
    code = "wrong_state"
    title = "This has been decided already"
    obstacle = "state"
    tells_contents = True

    def __init__(self, what: str, state: str, expected: str) -> None:
        super().__init__(
            f"The {what} is {state}; only one that is {expected} can be taken further.",
            current=state,
            allowed=[expected],
        )


class ComesBack(OrderError):
    code = "units_come_back"
    title = "Units of this parcel come back, or have come back"
    obstacle = "state"
    tells_contents = True

    def __init__(self, product_ids: Sequence[str]) -> None:
        super().__init__(
            f"{', '.join(product_ids)} of this parcel is announced to come back, or has come back, so the parcel has "
            "left. Reject or close a return that is wrong; one that was received stands.",
            products=list(product_ids),
        )


class RefundPaidOut(OrderError):
    code = "refund_paid_out"
    title = "Money has gone back already"
    obstacle = "state"
    tells_contents = True

    def __init__(self, amount: int) -> None:
        super().__init__(
            f"{amount} (minor units) have been paid back since the order was canceled, so it cannot be reinstated. "
            "Place a new order.",
            refunded=amount,
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
    tells_contents = True

    def __init__(self, amount: int) -> None:
        super().__init__(
            f"{amount} (minor units) of captured money lie on this order. Cancel it, so that they are refunded; "
            "a canceled order can be deleted.",
            captured=amount,
        )
