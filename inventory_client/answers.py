"""What an answer of the InventoryService means: the value asked for, a typed refusal, or a failure."""

import logging
from contextlib import suppress
from typing import NoReturn, TypeVar
from uuid import UUID

import msgspec

from inventory_client.errors import (
    InventoryBusy,
    InventoryUnavailable,
    OutcomeUnknown,
    ReservationMismatch,
    ReservationNotHeld,
    ReservationReleased,
    StockMiscounted,
    StockShortage,
    UnknownProduct,
)
from inventory_client.values import HoldRequest, Reservation, ReservationState
from inventory_client.wire import BUSY, EFFECT_HEADER, ProblemBody, ReservationBody, ReservationsBody
from remote_calls.errors import UnreadableAnswer
from remote_calls.service import Answer

logger = logging.getLogger(__name__)

Body = TypeVar("Body", bound=msgspec.Struct)


def read_hold(answer: Answer, request: HoldRequest, *, told_shipped: bool = True) -> bool:
    """Whether an earlier request had made the hold; of a request that left out what was shipped, `told_shipped` is
    False: a service that then says what is shipped has taken that for none.
    """
    if answer.status in (200, 201):
        reservation = _decoded(answer, ReservationBody).value()
        wanted = (request.reservation_id, request.revision, request.lines)
        same = (reservation.reservation_id, reservation.revision, reservation.lines) == wanted
        # A service of version 1 says nothing of them, and counts what was shipped as reserved.
        if not same or reservation.shipped not in ((None, request.shipped) if told_shipped else (None,)):
            raise OutcomeUnknown("The InventoryService answered with another reservation than the one asked for.")
        if reservation.state == ReservationState.RELEASED:
            raise OutcomeUnknown("The InventoryService answered success with a released reservation.")
        return answer.status == 200
    problem = _problem(answer)
    match answer.status, problem.code:
        case 409, "insufficient_stock" if problem.lines:
            raise StockShortage(problem.lines)
        case 422, "unknown_product" if problem.product_ids:
            raise UnknownProduct(problem.product_ids)
        case 410, "reservation_released":
            raise ReservationReleased(request.reservation_id)
        case 409, "reservation_mismatch":
            raise ReservationMismatch(request.reservation_id)
        case 409, "stock_miscounted":
            raise StockMiscounted
    _raise_failure(answer)


def is_unreadable(answer: Answer) -> bool:
    """The service says that it cannot read the request, which it has not acted on."""
    return answer.status == 400 and _problem(answer).code == "malformed_request"


def read_confirmed(answer: Answer, reservation_id: UUID) -> None:
    if answer.status == 200:
        _in_state(answer, reservation_id, ReservationState.CONFIRMED)
        return
    problem = _problem(answer)
    match answer.status, problem.code:
        case 409, "reservation_not_held":
            raise ReservationNotHeld(reservation_id, problem.state or "not held")
        case 404, "reservation_unknown":
            raise ReservationNotHeld(reservation_id, "unknown")
    _raise_failure(answer)


def read_released(answer: Answer, reservation_id: UUID) -> None:
    if answer.status == 200:
        _in_state(answer, reservation_id, ReservationState.RELEASED)
        return
    if (answer.status, _problem(answer).code) == (409, "stock_miscounted"):
        raise StockMiscounted
    _raise_failure(answer)


def read_reservation(answer: Answer, reservation_id: UUID) -> Reservation | None:
    if answer.status == 200:
        reservation = _decoded(answer, ReservationBody).value()
        if reservation.reservation_id != reservation_id:
            raise OutcomeUnknown("The InventoryService answered with another reservation than the one asked for.")
        return reservation
    # A 404 of something else (a wrong INVENTORY_URL, a proxy) says nothing about the reservation.
    if (answer.status, _problem(answer).code) == (404, "reservation_unknown"):
        return None
    _raise_failure(answer)


def read_reservations(answer: Answer) -> list[Reservation]:
    if answer.status != 200:
        _raise_failure(answer)
    return [body.value() for body in _decoded(answer, ReservationsBody).reservations]


def _in_state(answer: Answer, reservation_id: UUID, state: ReservationState) -> None:
    body = _decoded(answer, ReservationBody)
    if (body.id, body.state) != (reservation_id, state):
        raise OutcomeUnknown(f"The InventoryService answered success, but not with the {state} reservation.")


def _decoded(answer: Answer, shape: type[Body]) -> Body:
    try:
        return answer.decoded(shape)
    except UnreadableAnswer as error:
        raise OutcomeUnknown(f"The InventoryService's answer cannot be read: {error}.") from error


def _problem(answer: Answer) -> ProblemBody:
    if 400 <= answer.status < 500 or answer.status == 503:
        with suppress(UnreadableAnswer):
            return answer.decoded(ProblemBody)
    return ProblemBody(status=answer.status, code="", title="")


def _raise_failure(answer: Answer) -> NoReturn:
    """The call did not do what was asked; say whether it certainly did nothing."""
    if answer.status in (429, 503) and answer.headers.get(EFFECT_HEADER) == "none":
        failure = InventoryBusy if _problem(answer).code == BUSY else InventoryUnavailable
        raise failure(f"The InventoryService answered {answer.status}.", retry_after=answer.retry_after)
    if answer.status in (400, 401, 403):
        # Our own request or token is wrong: it was not acted on, and somebody must look.
        logger.error("The InventoryService refused the call itself: %s %s", answer.status, answer.body[:500])
        raise InventoryUnavailable(f"The InventoryService answered {answer.status}.", retry_after=30.0)
    raise OutcomeUnknown(f"The InventoryService answered {answer.status}.", retry_after=answer.retry_after)
