"""What an answer of the CustomerService means: how the customer stands, or that nobody knows."""

import logging
from contextlib import suppress

from customer_client.client import CustomersUnavailable, Standing
from customer_client.wire import CUSTOMER_UNKNOWN, CustomerBody, ProblemBody
from remote_calls.errors import UnreadableAnswer
from remote_calls.service import Answer

logger = logging.getLogger(__name__)


def read_standing(answer: Answer, customer_id: str) -> Standing:
    """Raises CustomersUnavailable."""
    if answer.status == 200:
        return _standing_in(answer, customer_id)
    # A 404 of something else (a wrong CUSTOMER_URL, a proxy) says nothing about the customer.
    if answer.status == 404 and _code(answer) == CUSTOMER_UNKNOWN:
        return Standing.UNKNOWN
    if answer.status in (400, 401, 403):
        # Our own request or token is wrong, and somebody must look.
        logger.error("The CustomerService refused the call itself: %s %s", answer.status, answer.body[:500])
    raise CustomersUnavailable(f"The CustomerService answered {answer.status}.", retry_after=answer.retry_after)


def _standing_in(answer: Answer, customer_id: str) -> Standing:
    try:
        body = answer.decoded(CustomerBody)
    except UnreadableAnswer as error:
        raise CustomersUnavailable(f"The CustomerService's answer cannot be read: {error}.") from error
    if body.customer_id != customer_id:
        raise CustomersUnavailable("The CustomerService answered with another customer than the one asked for.")
    return Standing.ACTIVE if body.active else Standing.INACTIVE


def _code(answer: Answer) -> str:
    with suppress(UnreadableAnswer):
        return answer.decoded(ProblemBody).code
    return ""
