"""The body of every refusal: RFC 9457 `application/problem+json`."""

import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypedDict

import orjson
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path

from inventory_client.outages import Outage, is_busy, outage_of

CONTENT_TYPE = "application/problem+json"


class DatabaseTrouble(NamedTuple):
    """What a caller is told of a database that cannot serve the request now; `retry_after` is in seconds."""

    code: str
    title: str
    detail: str
    retry_after: int


_BUSY: Final = DatabaseTrouble(
    "database_busy",
    "The database is busy",
    "Others are changing the same data, and waiting for them took too long. Nothing was changed. "
    "Send the same request again in a moment.",
    retry_after=1,
)
_OUTAGES: Final = {
    Outage.UNREACHABLE: DatabaseTrouble(
        "database_unavailable",
        "The database cannot be reached",
        "The service cannot reach its database at the moment. Send the same request again in a few "
        "seconds; with the same Idempotency-Key it takes effect once.",
        retry_after=5,
    ),
    Outage.READ_ONLY: DatabaseTrouble(
        "database_read_only",
        "The database takes no changes",
        "The service's database can only be read at the moment. Nothing was changed. Reading works; send "
        "changes again in a few seconds.",
        retry_after=5,
    ),
    Outage.FULL: DatabaseTrouble(
        "database_full",
        "The database has no room left",
        "The service's database has run out of disk space or memory. Nothing was changed. Send the same "
        "request again in half a minute.",
        retry_after=30,
    ),
}
DATABASE_TROUBLES: Final = (_BUSY, *_OUTAGES.values())


class ProblemResponse(HttpResponse):
    """A problem body as an answer; `problem_code` is for logs and metrics."""

    problem_code: str


class Problem(TypedDict):
    """`code` is contract, `title` and `detail` may be reworded; `errors` names what is wrong by field."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[Mapping[str, object]]


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    request: HttpRequest,
    errors: Sequence[Mapping[str, object]] = (),
) -> Problem:
    """Say what went wrong, as data: for a body of its own or inside a batch's answer."""
    request_id = getattr(request, "request_id", "")
    return problem_body(status, code, title, detail, path=request.path, request_id=request_id, errors=errors)


def problem_body(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    path: str,
    request_id: str,
    errors: Sequence[Mapping[str, object]] = (),
) -> Problem:
    """The same where there is no request of Django's."""
    return {
        "type": f"/api/problems#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": escape_uri_path(path),
        "code": code,
        "request_id": request_id,
        "errors": list(errors),
    }


def problem_response(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    request: HttpRequest,
    errors: Sequence[Mapping[str, object]] = (),
    extra: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    """Answer `request` with a problem; DRF's requests are welcome too.

    `extra` members stand beside the standard ones (RFC 9457 §3.2).
    """
    body = {**problem(status, code, title, detail, request=request, errors=errors), **(extra or {})}
    response = ProblemResponse(_json_bytes(body), status=status, content_type=CONTENT_TYPE)
    for name, value in (headers or {}).items():
        response.headers[name] = value
    # Where the answer replaces another one, CommonMiddleware has no say any more.
    response.headers["Content-Length"] = str(len(response.content))
    response.problem_code = code
    return response


def database_trouble(error: DatabaseError | InterfaceError) -> DatabaseTrouble | None:
    """What to tell of a database that is out of order or busy; None when the error is one of our own making.

    Closes a connection that can only be read.
    """
    if isinstance(error, OperationalError) and is_busy(error):
        return _BUSY
    outage = outage_of(error)
    if outage is Outage.READ_ONLY and not connection.in_atomic_block:
        # After a fail-over an old connection leads to what is a standby now; a new one finds the primary.
        connection.close()
    return _OUTAGES[outage] if outage else None


def trouble_response(trouble: DatabaseTrouble, *, request: HttpRequest) -> ProblemResponse:
    code, title, detail, retry_after = trouble
    headers = {"Retry-After": str(retry_after)}
    return problem_response(503, code, title, detail, request=request, headers=headers)


def _json_bytes(body: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # a sentence quotes a lone surrogate, which no UTF-8 can hold
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
