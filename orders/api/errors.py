"""Which HTTP status a refusal gets: one table, one body (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe
from rest_framework import exceptions, status
from rest_framework.views import set_rollback

from orders.api.problems import (
    DATABASE_TROUBLES,
    Problem,
    database_trouble,
    problem,
    problem_response,
    trouble_response,
)
from orders.rules import errors

STATUS_CODES: dict[type[errors.OrderError], int] = {
    errors.InvalidRequest: status.HTTP_400_BAD_REQUEST,
    errors.MalformedJson: status.HTTP_400_BAD_REQUEST,
    errors.PreferenceNotSupported: status.HTTP_400_BAD_REQUEST,
    errors.NotPermitted: status.HTTP_403_FORBIDDEN,
    errors.StorefrontSwitchedOff: status.HTTP_403_FORBIDDEN,
    errors.OrderNotFound: status.HTTP_404_NOT_FOUND,
    errors.NoSuchVersion: status.HTTP_404_NOT_FOUND,
    errors.WebhookNotFound: status.HTTP_404_NOT_FOUND,
    errors.WebhookDeliveryNotFound: status.HTTP_404_NOT_FOUND,
    errors.InvalidTransition: status.HTTP_409_CONFLICT,
    errors.DetailsLocked: status.HTTP_409_CONFLICT,
    errors.AddressInUse: status.HTTP_409_CONFLICT,
    errors.NotAllowedNow: status.HTTP_409_CONFLICT,
    errors.OrderOnHold: status.HTTP_409_CONFLICT,
    errors.NothingLeft: status.HTTP_409_CONFLICT,
    errors.QuantityExceeded: status.HTTP_409_CONFLICT,
    errors.AmountExceeded: status.HTTP_409_CONFLICT,
    errors.ItemShipped: status.HTTP_409_CONFLICT,
    errors.LimitReached: status.HTTP_409_CONFLICT,
    errors.NoItemsLeft: status.HTTP_409_CONFLICT,
    errors.NoStockHeld: status.HTTP_409_CONFLICT,
    errors.WrongState: status.HTTP_409_CONFLICT,
    errors.OwnRequest: status.HTTP_409_CONFLICT,
    errors.PaymentConflict: status.HTTP_409_CONFLICT,
    errors.NotExpired: status.HTTP_409_CONFLICT,
    errors.ComesBack: status.HTTP_409_CONFLICT,
    errors.RefundPaidOut: status.HTTP_409_CONFLICT,
    errors.MoneyOnOrder: status.HTTP_409_CONFLICT,
    errors.NotDeletable: status.HTTP_409_CONFLICT,
    errors.NotDeleted: status.HTTP_409_CONFLICT,
    errors.AnswerFull: status.HTTP_409_CONFLICT,
    errors.NoTimeLeft: status.HTTP_409_CONFLICT,
    errors.OrderBusy: status.HTTP_409_CONFLICT,
    errors.OutOfStock: status.HTTP_409_CONFLICT,
    errors.CustomerErased: status.HTTP_409_CONFLICT,
    errors.RequestGivenUp: status.HTTP_409_CONFLICT,
    errors.DuplicateReference: status.HTTP_409_CONFLICT,
    errors.WebhookExists: status.HTTP_409_CONFLICT,
    errors.TooManyWebhooks: status.HTTP_409_CONFLICT,
    errors.WebhookDisabled: status.HTTP_409_CONFLICT,
    errors.VersionMismatch: status.HTTP_412_PRECONDITION_FAILED,
    errors.UnknownProducts: status.HTTP_422_UNPROCESSABLE_ENTITY,
    errors.InvalidCustomer: status.HTTP_422_UNPROCESSABLE_ENTITY,
    errors.UnknownPart: status.HTTP_422_UNPROCESSABLE_ENTITY,
    errors.Ambiguous: status.HTTP_422_UNPROCESSABLE_ENTITY,
    errors.CurrencyMismatch: status.HTTP_422_UNPROCESSABLE_ENTITY,
    errors.TotalsMismatch: status.HTTP_422_UNPROCESSABLE_ENTITY,
    errors.IdempotencyKeyReused: status.HTTP_422_UNPROCESSABLE_ENTITY,
    errors.InventoryDown: status.HTTP_503_SERVICE_UNAVAILABLE,
    errors.InventoryAnswerUnknown: status.HTTP_503_SERVICE_UNAVAILABLE,
    errors.CustomersDown: status.HTTP_503_SERVICE_UNAVAILABLE,
    errors.PlacementTooSlow: status.HTTP_503_SERVICE_UNAVAILABLE,
}

_STATUS_BY_CODE: dict[str, int] = {error.code: code for error, code in STATUS_CODES.items()}

# What DRF itself refuses, with a sentence that says what to do.
_DRF_PROBLEMS: dict[type[exceptions.APIException], tuple[str, str]] = {
    exceptions.NotAuthenticated: ("missing_api_key", "An API key is needed"),
    exceptions.AuthenticationFailed: ("invalid_api_key", "The API key is not accepted"),
    exceptions.PermissionDenied: ("forbidden", "Not allowed"),
    exceptions.NotFound: ("not_found", "Nothing is here"),
    exceptions.MethodNotAllowed: ("method_not_allowed", "The method does not fit the path"),
    exceptions.NotAcceptable: ("not_acceptable", "Only JSON is answered"),
    exceptions.UnsupportedMediaType: ("unsupported_media_type", "Only JSON is read"),
    exceptions.ParseError: ("malformed_json", "The body is not JSON"),
    exceptions.Throttled: ("too_many_requests", "Too many requests"),
}


# What is refused outside the views: see problems.py, the project's error pages and its front.
SERVICE_PROBLEMS: dict[str, tuple[int, str]] = {
    "bad_request": (400, "The request cannot be read"),
    "host_not_allowed": (400, "The host name is unknown"),
    "metrics_closed": (403, "Metrics are closed"),
    "unauthorized": (401, "The token is missing or wrong"),
    "body_too_large": (413, "The body is too large"),
    "body_incomplete": (400, "The body is incomplete"),
    "doubled_header": (400, "A header came more than once"),
    "unknown_method": (501, "The method is not known"),
    "length_required": (411, "The body's length is missing"),
    "body_too_slow": (408, "The body took too long"),
    "too_many_requests": (429, "Too many requests"),
    "too_many_at_once": (429, "Too many requests at once"),
    "too_many_waiting": (429, "Too many clients wait for events"),
    "service_busy": (503, "The service is busy"),
    **{trouble.code: (503, trouble.title) for trouble in DATABASE_TROUBLES},
    "internal_error": (500, "The service failed"),
}


# What a `validation_error` tells of a field, parameter or header; in `errors` of others stands the problem's own code.
FIELD_PROBLEMS: dict[str, str] = {
    "ambiguous": "Two things are given of which one goes alone",
    "cursor_ahead": "The cursor is ahead of all events: the service has gone back to an older copy of its data",
    "doubled_parameter": "A parameter that takes one value is given more than once",
    "empty_parameter": "A filter without a value would list everything",
    "invalid": "The value is not one that is taken here",
    "invalid_cursor": "The cursor is not one that this list has answered",
    "invalid_filter": "The filter has no such value",
    "invalid_preference": "The preference is not written as it has to be",
    "invalid_value": "The text is too long, empty, or has U+0000",
    "not_a_choice": "The value is none of those there are",
    "not_allowed": "It does not go with the rest of the request",
    "not_changeable": "This call does not change it",
    "not_unique": "It stands there twice",
    "nul_character": "Text cannot hold the character U+0000",
    "out_of_range": "A number, text, list or time is too small or too large",
    "required": "It is missing",
    "retired_currency": "The currency is no longer in use",
    "unknown_country": "No country has these two letters",
    "unknown_currency": "No currency has these three letters",
    "unknown_field": "There is no such field",
    "unknown_parameter": "There is no such parameter",
    "wrong_format": "It is not written as it has to be",
    "wrong_type": "The value is of another type",
}


@require_safe
@conditional_page
@cache_control(public=True, max_age=300)
def problem_codes(request: HttpRequest) -> JsonResponse:
    """Every code a problem body may carry, and those of its `errors`; each body's `type` points here."""
    known = {error.code: (code, error.title) for error, code in STATUS_CODES.items()}
    known |= {code: (kind.status_code, title) for kind, (code, title) in _DRF_PROBLEMS.items() if code not in known}
    known |= SERVICE_PROBLEMS
    return JsonResponse(
        {
            "problems": [
                {"code": code, "status": status, "title": title} for code, (status, title) in sorted(known.items())
            ],
            "errors": [{"code": code, "title": title} for code, title in FIELD_PROBLEMS.items()],
        }
    )


def status_of(error: errors.OrderError) -> int:
    return STATUS_CODES[type(error)]


def order_problem(error: errors.OrderError, *, request: HttpRequest) -> dict[str, Any]:
    """The refusal as data, with what it adds for machines (`products`, `allowed`, `current_version` …)."""
    body: Problem = problem(
        status_of(error), error.code, error.title, error.detail, request=request, errors=error.errors
    )
    return {**body, **error.extra}


def kept_problem(rejection: Mapping[str, Any], *, request: HttpRequest) -> dict[str, Any]:
    """A refusal that was kept (see operations/rejecting.py), as it would have been told at once."""
    code = rejection["code"]
    body = problem(
        _STATUS_BY_CODE.get(code, status.HTTP_409_CONFLICT),
        code,
        rejection["title"],
        rejection["detail"],
        request=request,
        errors=rejection["errors"],
    )
    return {**body, **rejection["facts"]}


def headers_of(error: errors.OrderError) -> dict[str, str]:
    if isinstance(error, errors.TemporarilyUnavailable):
        return {"Retry-After": str(max(1, round(error.retry_after)))}
    if isinstance(error, errors.OrderBusy):
        return {"Retry-After": "1"}
    return {}


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's hook: the answer to whatever a view raised; None lets it become a 500 with its own problem body."""
    request: HttpRequest = context["request"]
    set_rollback()
    if isinstance(error, errors.OrderError):
        return _order_response(error, request)
    if isinstance(error, RequestDataTooBig):
        return problem_response(
            413,
            "body_too_large",
            "The body is too large",
            "The body is larger than this service reads. Send fewer orders or items at once.",
            request=request,
        )
    if isinstance(error, DatabaseError | InterfaceError):
        trouble = database_trouble(error)
        return trouble and trouble_response(trouble, request=request)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, SuspiciousOperation):
        error = exceptions.ParseError("The request could not be read.")
    return _drf_response(error, request) if isinstance(error, exceptions.APIException) else None


def _order_response(error: errors.OrderError, request: HttpRequest) -> HttpResponse:
    return problem_response(
        status_of(error),
        error.code,
        error.title,
        error.detail,
        request=request,
        errors=error.errors,
        extra=error.extra,
        headers=headers_of(error),
    )


def _drf_response(error: exceptions.APIException, request: HttpRequest) -> HttpResponse | None:
    code, title = next(
        (texts for kind, texts in _DRF_PROBLEMS.items() if isinstance(error, kind)),
        ("bad_request", SERVICE_PROBLEMS["bad_request"][1]),
    )
    if isinstance(error, exceptions.PermissionDenied) and error.get_codes() == "missing_scope":
        code, title = errors.NotPermitted.code, errors.NotPermitted.title
    detail = str(error.detail) if isinstance(error.detail, str) else "The request was refused."
    if isinstance(error, exceptions.NotAuthenticated):
        detail = "Send the storefront's key in the header X-API-Key, or as Authorization: Api-Key, a blank and the key."
        if request.META.get("HTTP_AUTHORIZATION"):
            detail += " What came as Authorization is none; Bearer and other schemes are not read."
    headers = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(round(wait))
    return problem_response(error.status_code, code, title, detail, request=request, headers=headers)
