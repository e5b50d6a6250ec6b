"""What stands around the API's own views: of what stands around a page, only what does something there.

It saves a tenth of the time of reading an order. Middleware for sessions, forms, messages, static files and signing in
does nothing to a request with a key, but each took its time with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.urls import get_resolver

from orders_project.compressed_answers import GZipMiddleware
from orders_project.error_pages import answer_to

API_PATHS: Final = ("/api/v1/", "/order/")


class ApiMiddleware:
    """Answers the API's paths itself, and leaves all others to the middleware below it.

    Answers are the same as by the whole chain, header by header: HTTPS and its headers, the check of the host, large
    answers compressed. What the chain does besides needs a cookie, and the API's views take none.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._security = SecurityMiddleware(get_response)
        self._gzip = GZipMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(API_PATHS):
            return self.get_response(request)
        redirect = self._security.process_request(request)
        answer: Any = redirect or self._gzip.process_response(request, _checked(request))
        return self._security.process_response(request, answer)


def _host_checked(request: HttpRequest) -> Any:
    """As Django's CommonMiddleware and XFrameOptionsMiddleware do it."""
    request.get_host()  # raises DisallowedHost
    answer = _answered(request)
    answer.headers.setdefault("X-Frame-Options", "DENY")
    if not answer.streaming and "Content-Length" not in answer.headers:
        answer.headers["Content-Length"] = str(len(answer.content))
    return answer


def _view(request: HttpRequest) -> Any:
    """As Django's handler does it, without its look for middleware that wants to answer instead of the view."""
    match = request.resolver_match = get_resolver().resolve(request.path_info)
    try:
        answer = match.func(request, *match.args, **match.kwargs)
        if hasattr(answer, "render"):  # what DRF makes of data, for OPTIONS
            answer = answer.render()
    except Exception as error:
        if (trouble := answer_to(request, error)) is None:
            raise
        return trouble
    return answer


# An error becomes an answer where Django makes it one, so that it gets the same headers.
_answered: Final[Callable[[HttpRequest], Any]] = convert_exception_to_response(_view)
_checked: Final[Callable[[HttpRequest], Any]] = convert_exception_to_response(_host_checked)
