"""What the front refuses by itself, before any of Django's code is asked."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import orjson
import uuid_utils

from orders.api.errors import SERVICE_PROBLEMS
from orders.api.problems import CONTENT_TYPE, problem_body
from orders_project import metrics
from orders_project.front.dues import Standing
from orders_project.front.wsgi_call import Answer, Environ


class Refusal(NamedTuple):
    """`code` is one of SERVICE_PROBLEMS, which has its status and title; `detail` says what to do."""

    code: str
    detail: str
    retry_after: float | None = None
    # Where the rest of the request is not read, another one cannot follow on the connection.
    close: bool = False


BODY_TOO_SLOW: Final = Refusal(
    "body_too_slow", "The body did not arrive in time. Send it in one go, or in smaller parts.", close=True
)
BODY_INCOMPLETE: Final = Refusal(
    "body_incomplete", "The body ended before it was complete, or its chunks cannot be read.", close=True
)
LENGTH_REQUIRED: Final = Refusal(
    "length_required", "Say how long the body is, in a Content-Length header: 0 when there is none.", close=True
)
UNKNOWN_METHOD: Final = Refusal(
    "unknown_method",
    "No route has this method. There are GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS, written in capitals.",
    close=True,
)
TOO_MANY_AT_ONCE: Final = Refusal(
    "too_many_at_once",
    "Too many requests of this caller are under way. Wait for answers before sending more.",
    retry_after=1,
    close=True,
)
TOO_MANY_WAITING: Final = Refusal(
    "too_many_waiting",
    "As many clients of this storefront, or of all, wait for events as may. Ask without waiting, or come back later.",
    retry_after=10,
)
NO_ROOM: Final = Refusal(
    "service_busy",
    "The service reads as many bodies as it has room for, and did not read this one. Send it again in a moment.",
    retry_after=5,
    close=True,
)
FAILED: Final = Refusal(
    "internal_error", "The request failed for a reason of ours. Quote the request_id when reporting it."
)
WAITED_TOO_LONG: Final = Refusal(
    "service_busy",
    "The service had no time for this request, and did nothing. Send the same request again in a moment.",
    retry_after=5,
)


def doubled_header(name: str) -> Refusal:
    """A header that takes one value came more than once, with the same value or another."""
    return Refusal(
        "doubled_header",
        f"The header {name} came more than once, and takes one value. Send it once; nothing was done.",
        close=True,
    )


def too_many_requests(standing: Standing) -> Refusal:
    """The caller has used up its due, of `reads` for one."""
    return Refusal(
        "too_many_requests",
        f"This caller has sent all the {standing.due.name} it may for now. Wait as the Retry-After header says.",
        retry_after=standing.wait_seconds,
        close=True,
    )


def answer_to(environ: Environ, refusal: Refusal, *, seconds: float) -> Answer:
    """The problem body every refusal has (RFC 9457), counted as the others are."""
    status, title = SERVICE_PROBLEMS[refusal.code]
    request_id = uuid_utils.uuid7().hex
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    body = problem_body(status, refusal.code, title, refusal.detail, path=path, request_id=request_id)
    headers = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(refusal.retry_after))).encode()))
    if refusal.close:
        headers.append((b"connection", b"close"))
    metrics.observe_request(environ["REQUEST_METHOD"], "front", status, seconds)
    metrics.count_refusal("front", refusal.code)
    return Answer(status, headers, orjson.dumps(body))
