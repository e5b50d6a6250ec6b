"""Refusals because of who the customer is."""

from __future__ import annotations

from orders.rules.errors.refusal import OrderError, TemporarilyUnavailable


class InvalidCustomer(OrderError):
    """`standing` is "unknown" or "inactive"."""

    code = "invalid_customer"
    title = "The customer may not order"

    def __init__(self, customer_id: str, standing: str, *, effect: str) -> None:
        super().__init__(
            f"Invalid customer: {customer_id} is {standing}. {effect}.", customer_id=customer_id, standing=standing
        )


class CustomerErased(OrderError):
    code = "customer_erased"
    title = "The customer was erased before the order was placed"

    def __init__(self) -> None:
        super().__init__(f"{self.title}. No order was placed.")


class CustomersDown(TemporarilyUnavailable):
    code = "customers_unavailable"
    title = "The customer cannot be checked"
