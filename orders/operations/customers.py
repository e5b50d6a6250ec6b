"""Whether customers may order: what the CustomerService says, or the storefront's policy; before any transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from customer_client.client import CustomerAnswer, Standing
from customer_client.current import get_customers
from orders.models import Storefront
from orders.operations.idempotency import Idempotency, raise_if_answered
from orders.rules import errors
from orders.rules.statuses import CustomerPolicy


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the customer may not order, if so; or that they may for now, with the order held up."""

    refusal: errors.OrderError | None = None
    held_up: bool = False


WELCOME: Final = Verdict()


def verdicts_on(
    customer_ids: Collection[str], storefront: Storefront, *, idempotency: Idempotency | None, effect: str
) -> dict[str, Verdict]:
    """What is to become of each customer's orders; whoever is missing is welcome. Nobody is asked about a repeat.

    `effect` says what a refusal means for the caller. Raises Replay and IdempotencyKeyReused.
    """
    customers = get_customers()
    if customers is None or not customer_ids:
        return {}
    if idempotency:
        raise_if_answered(storefront.pk, idempotency)
    answers = customers.ask(customer_ids, storefront=storefront.code)
    return {customer_id: _verdict(customer_id, answer, storefront, effect) for customer_id, answer in answers.items()}


def _verdict(customer_id: str, answer: CustomerAnswer, storefront: Storefront, effect: str) -> Verdict:
    if isinstance(answer, Standing):
        if answer is Standing.ACTIVE:
            return WELCOME
        return Verdict(errors.InvalidCustomer(customer_id, answer, effect=effect))
    if storefront.customer_policy == CustomerPolicy.ACCEPT:
        return Verdict(held_up=True)
    detail = f"It cannot be checked now whether the customer may order. {effect}. Try again shortly."
    return Verdict(errors.CustomersDown(detail, retry_after=answer.retry_after))
