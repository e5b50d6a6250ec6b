"""Which HTTP answer a refusal or failure of the ledger gets."""

import math

import msgspec
from django.http import HttpResponse

from inventory_client.errors import (
    InventoryBusy,
    InventoryError,
    InventoryUnavailable,
    OutcomeUnknown,
    ReservationMismatch,
    ReservationNotHeld,
    ReservationReleased,
    StockMiscounted,
    StockShortage,
    UnknownProduct,
)
from inventory_client.wire import BUSY, EFFECT_HEADER, PROBLEM, ProblemBody

# Also the whole list of the contract's problem codes that come from the ledger.
STATUS_AND_CODE: dict[type[InventoryError], tuple[int, str]] = {
    StockShortage: (409, "insufficient_stock"),
    ReservationMismatch: (409, "reservation_mismatch"),
    ReservationNotHeld: (409, "reservation_not_held"),
    StockMiscounted: (409, "stock_miscounted"),
    ReservationReleased: (410, "reservation_released"),
    UnknownProduct: (422, "unknown_product"),
    InventoryUnavailable: (503, "unavailable"),
    InventoryBusy: (503, BUSY),
    OutcomeUnknown: (500, "outcome_unknown"),
}
TITLES = {
    400: "The request cannot be read.",
    401: "The bearer token is missing or wrong.",
    404: "There is nothing here.",
    405: "The method is not allowed here.",
    409: "The reservation or stock does not allow it.",
    410: "The reservation has ended.",
    413: "The request is too large.",
    422: "A product is not kept here.",
    500: "The server failed; the effect is unknown.",
    503: "The server cannot answer now; nothing was done.",
}


class Problem(Exception):
    """Answer with this problem."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        self.body = ProblemBody(status=status, code=code, title=TITLES[status], detail=detail)
        super().__init__(detail)


def problem_response(body: ProblemBody) -> HttpResponse:
    response = HttpResponse(msgspec.json.encode(body), status=body.status, content_type=PROBLEM)
    if body.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def error_response(error: InventoryError) -> HttpResponse:
    status, code = STATUS_AND_CODE[type(error)]
    body = ProblemBody(status=status, code=code, title=TITLES[status], detail=str(error))
    match error:
        case StockShortage():
            body.lines = error.lines
        case UnknownProduct():
            body.product_ids = error.product_ids
        case ReservationNotHeld(state="unknown"):
            return problem_response(
                ProblemBody(status=404, code="reservation_unknown", title=TITLES[404], detail=str(error))
            )
        case ReservationNotHeld():
            body.state = error.state
    response = problem_response(body)
    if isinstance(error, InventoryUnavailable):
        response[EFFECT_HEADER] = "none"
        response["Retry-After"] = str(math.ceil(error.retry_after))
    return response
