"""Refusals of what was asked for: it cannot be read, or means nothing that there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from orders.rules.errors.refusal import FieldError, OrderError


class InvalidRequest(OrderError):
    code = "validation_error"
    title = "The request is not valid"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        first, *others = errors
        # Where the sentence does not begin with the name itself.
        where = "" if first.detail.startswith(f"{first.pointer.lstrip('/')} ") else f"{first.pointer}: "
        more = f" (and {len(others)} more)" if others else ""
        super().__init__(f"{where if first.pointer else ''}{first.detail.rstrip('.')}{more}.", errors=errors)

    @classmethod
    def at(cls, pointer: str, code: str, detail: str) -> Self:
        """With one thing wrong; see `FieldError`."""
        return cls([FieldError(pointer, code, detail)])

    @classmethod
    def beside_order(cls, pointer: str, code: str, detail: str) -> Self:
        """With one thing that is wrong beside what the order has; `detail` tells of that."""
        refusal = cls.at(pointer, code, detail)
        refusal.tells_contents = True
        return refusal


class MalformedJson(OrderError):
    code = "malformed_json"
    title = "The body is not JSON"


class PreferenceNotSupported(OrderError):
    code = "preference_not_supported"
    title = "This cannot be done as it is preferred"

    def __init__(
        self, preference: str = "dry-run", instead: str = "Operations on an order that exists offer it."
    ) -> None:
        super().__init__(f"Prefer: {preference} is not offered here, and nothing was done. {instead}")


class TotalsMismatch(OrderError):
    code = "totals_mismatch"
    title = "The amounts do not add up"
    tells_contents = True

    def __init__(self, field: str, *, expected: int, got: int, formula: str) -> None:
        super().__init__(
            f"{field} is {got}, but {formula} is {expected}: a difference of {got - expected}.",
            errors=[FieldError(f"/{field}", "totals_mismatch", f"Expected {expected}.")],
            expected=expected,
            got=got,
            difference=got - expected,
        )


class CurrencyMismatch(OrderError):
    code = "currency_mismatch"
    title = "The order has another currency"
    tells_contents = True

    def __init__(self, *, expected: str, got: str) -> None:
        super().__init__(
            f"The order is in {expected}, the payment in {got}.",
            errors=[FieldError("/currency", "currency_mismatch", f"Expected {expected}.")],
            expected=expected,
            got=got,
        )


class OrderNotFound(OrderError):
    code = "order_not_found"
    title = "There is no such order"

    def __init__(self, order_id: UUID | str) -> None:
        super().__init__(f"There is no order {order_id} in this storefront.")


class NoSuchVersion(OrderError):
    code = "no_such_version"
    title = "The order has no such version"

    def __init__(self, version: int, current: int) -> None:
        super().__init__(f"The order has no version {version}; it has 1 to {current}.", current_version=current)


class UnknownPart(OrderError):
    """`what` is "item", "shipment", "refund", "return" or "hold"; `pointer` where it stands, if not as `what`_id."""

    code = "unknown_part"
    title = "The order has no such part"

    def __init__(self, what: str, part_id: UUID, pointer: str = "") -> None:
        one = f"an {what}" if what[0] in "aeiou" else f"a {what}"
        super().__init__(
            f"The order has no {what} {part_id}.",
            errors=[FieldError(pointer or f"/{what}_id", "unknown_part", f"Name {one} of this order.")],
        )


class Ambiguous(OrderError):
    code = "ambiguous"
    title = "It is not clear which one is meant"
    tells_contents = True

    def __init__(self, what: str, ids: Sequence[UUID]) -> None:
        choices = [str(part_id) for part_id in ids]
        super().__init__(
            f"The order has {len(choices)} of them: say which {what} is meant, by {what}_id.",
            errors=[FieldError(f"/{what}_id", "required", f"One of: {', '.join(choices)}.")],
            choices=choices,
        )
