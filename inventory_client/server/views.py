"""One function per call of the contract."""

import hmac
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from inventory_client.errors import InventoryError
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Stock
from inventory_client.server.problems import Problem, error_response, problem_response
from inventory_client.stock import LevelBelowReserved, set_stock_levels
from inventory_client.values import Held, HoldRequest
from inventory_client.wire import (
    JSON,
    HoldBody,
    ProductId,
    ReservationBody,
    ReservationsBody,
    StockBody,
    StockLevelBody,
)

logger = logging.getLogger(__name__)

OPENAPI = Path(__file__).parent.parent / "openapi.yaml"
MAX_LISTED = 1000

Body = TypeVar("Body", bound=msgspec.Struct)
Handler = Callable[..., HttpResponse]


def route(*, public: bool = False, **handlers: Handler) -> Handler:
    """A view that answers the given methods, and everything else with a problem."""

    def view(request: HttpRequest, **path_arguments: Any) -> HttpResponse:
        try:
            if not public:
                _check_token(request)
            handler = handlers.get((request.method or "").lower())
            if handler is None:
                return _method_not_allowed(request, handlers)
            return handler(request, **path_arguments)
        except Problem as problem:
            return problem_response(problem.body)
        except InventoryError as error:
            return error_response(error)
        except Exception:
            logger.exception("A call of the reference InventoryService failed.")
            return problem_response(Problem(500, "internal_error", "The server failed.").body)

    return view


def put_reservation(request: HttpRequest, reservation_id: UUID) -> HttpResponse:
    body = _body(request, HoldBody)
    lines = {line.product_id: line.quantity for line in body.lines}
    if len(lines) < len(body.lines):
        raise Problem(400, "malformed_request", "A product stands in two lines; merge them.")
    shipped = {line.product_id: line.shipped for line in body.lines if line.shipped}
    if any(units > lines[product_id] for product_id, units in shipped.items()):
        raise Problem(400, "malformed_request", "More units of a line are shipped than its quantity.")
    (outcome,) = _ledger().hold([HoldRequest(reservation_id, lines, body.revision, shipped)])
    if not isinstance(outcome, Held):
        raise outcome
    return _reservation_response(reservation_id, status=200 if outcome.joined else 201)


def confirm_reservation(request: HttpRequest, reservation_id: UUID) -> HttpResponse:
    _ledger().confirm(reservation_id)
    return _reservation_response(reservation_id)


def delete_reservation(request: HttpRequest, reservation_id: UUID) -> HttpResponse:
    _ledger().release(reservation_id)
    return _reservation_response(reservation_id)


def get_reservation(request: HttpRequest, reservation_id: UUID) -> HttpResponse:
    return _reservation_response(reservation_id)


def list_reservations(request: HttpRequest) -> HttpResponse:
    unknown = request.GET.keys() - {"updated_since", "limit"}
    if unknown:
        raise Problem(400, "malformed_request", f"Unknown parameters: {', '.join(sorted(unknown))}.")
    try:
        since = datetime.fromisoformat(request.GET["updated_since"])
        limit = int(request.GET.get("limit", str(MAX_LISTED)))
    except (KeyError, ValueError):
        since, limit = datetime.max, 0
    if since.tzinfo is None or not 1 <= limit <= MAX_LISTED:
        raise Problem(
            400,
            "malformed_request",
            f"Expected updated_since=<ISO 8601 time with offset> and, optionally, limit=<1 to {MAX_LISTED}>.",
        )
    found = _ledger().changed_since(since, limit=limit)
    return _json(ReservationsBody([ReservationBody.of(reservation) for reservation in found]))


def get_stock(request: HttpRequest, product_id: str) -> HttpResponse:
    product_id = _product_id(product_id)
    row = Stock.objects.filter(pk=product_id).values_list("on_hand", "reserved", "shipped").first()
    if row is None:
        raise Problem(404, "product_unknown", f"There is no product {product_id}.")
    return _json(StockBody(product_id, *row))


def put_stock(request: HttpRequest, product_id: str) -> HttpResponse:
    product_id = _product_id(product_id)
    level = _body(request, StockLevelBody)
    try:
        set_stock_levels({product_id: level.on_hand}, by="system:run_inventory")
    except LevelBelowReserved as error:
        raise Problem(409, "level_below_reserved", str(error)) from error
    return get_stock(request, product_id)


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(OPENAPI.read_bytes(), content_type="application/yaml")


def nothing_here(request: HttpRequest, path: str = "") -> HttpResponse:
    return problem_response(Problem(404, "path_unknown", "There is nothing at this path.").body)


def _ledger() -> EmbeddedLedger:
    return EmbeddedLedger(hold_grace_seconds=settings.HOLD_GRACE_SECONDS)


def _check_token(request: HttpRequest) -> None:
    given = request.headers.get("Authorization", "")
    if settings.INVENTORY_TOKEN and not hmac.compare_digest(
        given.encode(), f"Bearer {settings.INVENTORY_TOKEN}".encode()
    ):
        raise Problem(401, "unauthorized", "Send the token as Authorization: Bearer ….")


def _method_not_allowed(request: HttpRequest, handlers: dict[str, Handler]) -> HttpResponse:
    allowed = ", ".join(method.upper() for method in handlers)
    problem = Problem(405, "method_not_allowed", f"{request.method} is not allowed here; allowed: {allowed}.")
    response = problem_response(problem.body)
    response["Allow"] = allowed
    return response


def _body(request: HttpRequest, shape: type[Body]) -> Body:
    try:
        return msgspec.json.decode(request.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "malformed_request", f"{error}.") from error
    except RequestDataTooBig as error:
        raise Problem(413, "request_too_large", f"{error}") from error


def _product_id(text: str) -> str:
    try:
        return msgspec.convert(text, type=ProductId)
    except msgspec.ValidationError as error:
        raise Problem(400, "malformed_request", f"Product id: {error}.") from error


def _reservation_response(reservation_id: UUID, *, status: int = 200) -> HttpResponse:
    reservation = _ledger().get(reservation_id)
    if reservation is None:
        raise Problem(404, "reservation_unknown", f"Reservation {reservation_id} has not been seen.")
    return _json(ReservationBody.of(reservation), status=status)


def _json(body: msgspec.Struct, *, status: int = 200) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(body), status=status, content_type=JSON)
