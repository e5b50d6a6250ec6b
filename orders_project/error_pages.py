"""Error answers for what happens outside the API's views: problem bodies, and HTML for staff pages only."""

import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus

import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults

from orders.api import problems
from orders_project.back_office import is_back_office
from orders_project.trouble_page import trouble_page

# What a caller reads when all that is known is the status: code, title, detail.
_BY_STATUS: Mapping[int, tuple[str, str, str]] = {
    400: ("bad_request", "The request cannot be read", "The server cannot make sense of this request."),
    403: ("forbidden", "Not allowed", "This caller may not do this."),
    404: (
        "not_found",
        "Nothing is here",
        "No route of this service has this path. GET /api/schema/ lists the routes.",
    ),
    405: (
        "method_not_allowed",
        "The method does not fit the path",
        "This path exists, but not with this method. The Allow header names the methods it has.",
    ),
    413: ("body_too_large", "The body is too large", "The body is larger than this service reads."),
    500: (
        "internal_error",
        "The service failed",
        "The request failed for a reason of ours. Quote the request_id when reporting it.",
    ),
}

logger = structlog.stdlib.get_logger(__name__)


class ProblemMiddleware:
    """Sees to it that no caller outside the staff pages gets an error as HTML, with DEBUG on or off."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400 or is_back_office(request):
            return response
        if response.headers.get("Content-Type", "").startswith("application/"):
            return response
        answer = _problem_of_status(request, response.status_code)
        for name, value in response.headers.items():
            if not name.startswith("Content-"):
                answer.headers.setdefault(name, value)
        # Else Django writes its line about a failed request again, for the new object.
        answer._has_been_logged = getattr(response, "_has_been_logged", False)  # type: ignore[attr-defined]
        return answer

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what is no mistake of ours; all else goes on to `server_error`, its traceback to the log."""
        return _answer_to(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`."""
    if is_back_office(request):
        return defaults.bad_request(request, exception)
    return _problem_of_exception(request, exception) or _problem_of_status(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler403`."""
    if is_back_office(request):
        return defaults.permission_denied(request, exception)
    return _problem_of_status(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler404`."""
    if is_back_office(request):
        return defaults.page_not_found(request, exception)
    return _problem_of_status(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`; Django has logged the traceback by then, under the request's id."""
    exception = sys.exc_info()[1]
    if isinstance(exception, Exception) and (answer := _answer_to(request, exception)) is not None:
        return answer
    return defaults.server_error(request) if is_back_office(request) else _problem_of_status(request, 500)


def _answer_to(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    if isinstance(exception, DatabaseError | InterfaceError):
        return _answer_to_database_error(request, exception)
    return None if is_back_office(request) else _problem_of_exception(request, exception)


def _answer_to_database_error(request: HttpRequest, error: DatabaseError | InterfaceError) -> HttpResponse | None:
    trouble = problems.database_trouble(error)
    if trouble is None:
        return None
    logger.error("database failed", exc_info=error)
    if is_back_office(request):
        return trouble_page(request, trouble)
    return problems.trouble_response(trouble, request=request)


def _problem_of_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    if isinstance(exception, RequestDataTooBig):
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        detail = f"The body is larger than the {limit} bytes this service reads. Send it in smaller parts."
        return problems.problem_response(413, *_BY_STATUS[413][:2], detail, request=request)
    if isinstance(exception, DisallowedHost):
        detail = "This service is not known by the name in the Host header. Ask its operator to add the name."
        return problems.problem_response(400, "host_not_allowed", "The host name is unknown", detail, request=request)
    return None


def _problem_of_status(request: HttpRequest, status: int) -> HttpResponse:
    if status in _BY_STATUS:
        code, title, detail = _BY_STATUS[status]
    else:
        phrase = HTTPStatus(status).phrase
        code, title, detail = phrase.lower().replace(" ", "_"), phrase, f"{phrase}."
    return problems.problem_response(status, code, title, detail, request=request)
