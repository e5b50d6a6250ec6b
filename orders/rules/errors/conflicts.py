"""Refusals because of other requests, that came before or come at this moment."""

from __future__ import annotations

from uuid import UUID

from orders.rules.errors.refusal import FieldError, OrderError


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


class IdempotencyKeyReused(OrderError):
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"

    def __init__(self) -> None:
        super().__init__(
            "The Idempotency-Key came earlier with another body. Repeat that body, or take a new key for a new order.",
            errors=[FieldError("Idempotency-Key", "idempotency_key_reused", "A key stands for one body.")],
        )


class DuplicateReference(OrderError):
    code = "duplicate_reference"
    title = "This external_reference is taken"
    tells_contents = True

    def __init__(self, reference: str, order_id: UUID | None) -> None:
        which = f"order {order_id}" if order_id else "another order of the same request"
        super().__init__(
            f"The external_reference {reference!r} belongs to {which} of this storefront.",
            errors=[FieldError("/external_reference", "duplicate_reference", "Choose another, or read that order.")],
            order_id=str(order_id) if order_id else None,
        )


class RequestGivenUp(OrderError):
    code = "request_given_up"
    title = "The order could not be placed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"{self.title}, and was given up: {reason.rstrip('.')}. Ask for it again under another key.")


class AnswerFull(OrderError):
    code = "answer_full"
    title = "The answer has no room for this order"

    def __init__(self, most_bytes: int) -> None:
        super().__init__(
            f"The orders before it fill the {most_bytes:,} bytes of an answer, so nothing was done with this one. "
            "Ask for those that are left in another request."
        )


class NoTimeLeft(OrderError):
    code = "no_time_left"
    title = "The request had no time left for this order"

    def __init__(self, most_seconds: float) -> None:
        super().__init__(
            f"The orders before it took the {most_seconds:g} seconds of a request, so nothing was done with this one. "
            "Ask for those that are left in another request."
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
