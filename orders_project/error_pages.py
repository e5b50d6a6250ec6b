"""Error answers for what happens outside the API's views: problem bodies, and HTML for staff pages only."""

import re
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import structlog
from django.conf import settings
from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults

from orders.api import problems
from orders_project.back_office import is_back_office
from orders_project.staff_problem import StaffProblem, problem_page
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

_OPERATION_PATH: Final = re.compile(r"/api/v1/orders/[0-9a-fA-F-]{36}/[^/]+\Z")

# The same for people: what happened, and what they do now.
_FOR_STAFF: Mapping[int, StaffProblem] = {
    400: StaffProblem(
        400,
        "bad_request",
        "This request cannot be read",
        "Something in the address or in what was sent is not what these pages expect. Nothing was changed. Go back, "
        "and follow a link or fill in the form again.",
    ),
    403: StaffProblem(
        403,
        "forbidden",
        "You may not do this",
        "None of your groups allows it. Nothing was changed. If it belongs to your work, ask somebody who may change "
        "your account for the group that it takes.",
    ),
    404: StaffProblem(
        404,
        "not_found",
        "Nothing is here",
        "The address may be mistyped; what stood here may have been removed; or it belongs to a storefront whose "
        "orders you do not see. Look for it by its number in the search above, or in its list.",
    ),
    405: StaffProblem(
        405,
        "method_not_allowed",
        "This page cannot be opened like this",
        "It only takes what a button sends, or only shows something. Nothing was changed. Go to where the button is.",
    ),
    413: StaffProblem(
        413,
        "body_too_large",
        "That was too much at once",
        "What was sent is larger than the service reads, or has more fields. Nothing was changed. Do it in parts.",
    ),
    500: StaffProblem(
        500,
        "internal_error",
        "The service failed",
        "This is a mistake of the service, not yours, and its log has the details. What you were about to do was "
        "most likely not done: look at the order, then try once more. If it fails again, tell whoever runs it.",
        again="Try again",
    ),
}
_FORGED = StaffProblem(
    403,
    "form_not_trusted",
    "This form was not accepted",
    "It did not carry the mark of your present sign-in: you signed in again meanwhile, in another tab perhaps, cookies "
    "are switched off, or it was sent from another site. Nothing was changed. Open the page again and fill it in.",
    again="Open the page again",
)

logger = structlog.stdlib.get_logger(__name__)


class ProblemMiddleware:
    """Sees to it that no caller outside the staff pages gets an error as HTML, with DEBUG on or off."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400:
            return response
        if is_back_office(request):
            return _page_for_bare(request, response)
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
        return answer_to(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`."""
    if is_back_office(request):
        if isinstance(exception, DisallowedHost):
            return defaults.bad_request(request, exception)  # a page would look for its host
        return _page_of_exception(request, exception) or _page_of_status(request, 400)
    return _problem_of_exception(request, exception) or _problem_of_status(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler403`."""
    return _page_of_status(request, 403) if is_back_office(request) else _problem_of_status(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler404`."""
    return _page_of_status(request, 404) if is_back_office(request) else _problem_of_status(request, 404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's `CSRF_FAILURE_VIEW`."""
    return problem_page(request, _FORGED) if is_back_office(request) else _problem_of_status(request, 403)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`; Django has logged the traceback by then, under the request's id."""
    exception = sys.exc_info()[1]
    if isinstance(exception, Exception) and (answer := answer_to(request, exception)) is not None:
        return answer
    if not is_back_office(request):
        return _problem_of_status(request, 500)
    try:
        return _page_of_status(request, 500)
    except Exception:  # what every page is made of is what failed
        logger.exception("the page of a failure failed")
        return defaults.server_error(request)


def answer_to(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """The answer to what a view raised and did not answer; None where it is a mistake of ours."""
    if isinstance(exception, DatabaseError | InterfaceError):
        return _answer_to_database_error(request, exception)
    if is_back_office(request):
        return _page_of_exception(request, exception)
    return _problem_of_exception(request, exception)


def _answer_to_database_error(request: HttpRequest, error: DatabaseError | InterfaceError) -> HttpResponse | None:
    trouble = problems.database_trouble(error)
    if trouble is None:
        return None
    logger.error("database failed", exc_info=error)
    if is_back_office(request):
        return trouble_page(request, trouble)
    return problems.trouble_response(trouble, request=request)


def _page_of_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """Of what a view says no with, whether DEBUG is on or off."""
    match exception:
        case Http404():
            return _page_of_status(request, 404)
        case PermissionDenied():
            return _page_of_status(request, 403)
        case RequestDataTooBig() | TooManyFieldsSent():
            return _page_of_status(request, 413)
        case SuspiciousOperation() if not isinstance(exception, DisallowedHost):
            return _page_of_status(request, 400)
    return None


def _page_of_status(request: HttpRequest, status: int) -> HttpResponse:
    return problem_page(request, _FOR_STAFF[status])


def _page_for_bare(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """A view that answers with a status alone, such as that of a method it does not have, is given a page."""
    if not isinstance(response, HttpResponse) or response.content or response.status_code not in _FOR_STAFF:
        return response
    answer = _page_of_status(request, response.status_code)
    for name, value in response.headers.items():
        if not name.startswith("Content-"):
            answer.headers.setdefault(name, value)
    answer._has_been_logged = getattr(response, "_has_been_logged", False)  # type: ignore[attr-defined]
    return answer


def _problem_of_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    if isinstance(exception, RequestDataTooBig):
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        detail = f"The body is larger than the {limit} bytes this service reads. Send it in smaller parts."
        return problems.problem_response(413, *_BY_STATUS[413][:2], detail, request=request)
    if isinstance(exception, DisallowedHost):
        detail = "This service is not known by the name in the Host header. Ask its operator to add the name."
        return problems.problem_response(400, "host_not_allowed", "The host name is unknown", detail, request=request)
    return None


def _hint(path: str) -> str:
    """What a path that is not there may have been meant to be."""
    if path.startswith("/api/v1/") and path.endswith("/"):
        return " Paths of /api/v1 have no slash at the end."
    if _OPERATION_PATH.match(path):
        return f" GET {path.rpartition('/')[0]}/actions lists the operations."
    return ""


def _problem_of_status(request: HttpRequest, status: int) -> HttpResponse:
    if status in _BY_STATUS:
        code, title, detail = _BY_STATUS[status]
        detail += _hint(request.path) if status == 404 else ""
    else:
        phrase = HTTPStatus(status).phrase
        code, title, detail = phrase.lower().replace(" ", "_"), phrase, f"{phrase}."
    return problems.problem_response(status, code, title, detail, request=request)
