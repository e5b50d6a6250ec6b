"""One id, one log line and one observation per request."""

import functools
import logging
import re
from collections.abc import Callable
from time import perf_counter
from typing import Final

import structlog
import uuid_utils
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from orders_project import metrics
from orders_project.logging import write_json_line
from remote_calls.service import outgoing_headers

# Asked every few seconds by machines; they would drown the log.
QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
# https://www.w3.org/TR/trace-context/#traceparent-header: no version ff, no all-zero ids.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch

_LOGGER: Final = "orders_project.requests"


def request_id_of(request: HttpRequest) -> str:
    """Id of the request, as its `X-Request-ID` answers it; empty outside the middleware."""
    return getattr(request, "request_id", "")


def traceparent_of(request: HttpRequest) -> str | None:
    """The caller's W3C trace context, or None when it sent none or a malformed one."""
    return getattr(request, "traceparent", None)


class RequestLogMiddleware:
    """Comes first, so that its time, id and line cover everything else.

    Sets `request.request_id` and `request.traceparent`. Where the API's views set them, it logs
    `request.storefront_code` and counts `request.placement_outcomes`, for example
    `{"placed": 3, "out_of_stock": 1}`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._log: Callable[..., object] = (
            functools.partial(write_json_line, logging.getLogger(_LOGGER))
            if settings.LOGGING["format"] == "json"
            else structlog.stdlib.get_logger(_LOGGER).log
        )

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = perf_counter()
        headers = request.META
        request_id = headers.get("HTTP_X_REQUEST_ID", "")
        if not _SANE_ID(request_id):
            request_id = uuid_utils.uuid7().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        traceparent = headers.get("HTTP_TRACEPARENT")
        if traceparent is not None and not _TRACEPARENT(traceparent):
            traceparent = None
        request.traceparent = traceparent  # type: ignore[attr-defined]
        # Threads are used again, so what the last request bound goes. What this one binds stays: the last
        # line about a failure is Django's own, after the answer.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        outgoing_headers.set(
            {"X-Request-ID": request_id, "traceparent": traceparent} if traceparent else {"X-Request-ID": request_id}
        )

        response = self.get_response(request)

        response.headers["X-Request-ID"] = request_id
        seconds = perf_counter() - started
        method = request.method or ""
        match = request.resolver_match
        route = match.view_name if match else "unmatched"
        code = getattr(response, "problem_code", None)
        metrics.observe_request(method, route, response.status_code, seconds)
        if code is not None:
            metrics.count_refusal(route, code)
        for outcome, n in getattr(request, "placement_outcomes", {}).items():
            metrics.count_placement(outcome, n)
        self._log(
            logging.DEBUG if request.path_info in QUIET_PATHS else logging.INFO,
            "request",
            method=method,
            route=route,
            status=response.status_code,
            code=code,
            ms=round(seconds * 1000, 2),
            storefront=getattr(request, "storefront_code", None),
        )
        return response
