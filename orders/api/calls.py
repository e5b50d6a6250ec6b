"""What the API's views need of a request: its JSON body, its order id, who calls, why, on which conditions."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.http.request import UnreadablePostError
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from orders.announcing.changes import Origin
from orders.api.authentication import KeyPrincipal
from orders.api.preconditions import precondition_of
from orders.operations import Call, Idempotency, Rehearsal
from orders.rules.errors import FieldError, InvalidRequest, MalformedJson, OrderNotFound

_LONGEST_REASON: Final = 500
_ALMOST_DRY_RUN: Final = re.compile("dry.?run")


def json_body(request: Request, *, optional: bool = False, types: Collection[str] = ("application/json",)) -> bytes:
    """The raw body, read before DRF touches the stream; where it is `optional`, no body is an empty object.

    One that was announced and did not come is not missing: the caller may have meant some units, and an
    empty object means all of them. Raises UnsupportedMediaType, MalformedJson or RequestDataTooBig.
    """
    django_request: HttpRequest = request._request
    if not django_request.META.get("CONTENT_LENGTH", "").strip("0"):
        if "HTTP_TRANSFER_ENCODING" in django_request.META:
            raise MalformedJson("A body was announced (Transfer-Encoding), and nothing came.")
        if optional:
            return b"{}"
    if django_request.content_type not in types:
        sent = django_request.content_type
        raise UnsupportedMediaType(
            sent or "",
            detail=f"{f'The body is sent as {sent}' if sent else 'There is no body, or no Content-Type'}; "
            "send JSON with the header Content-Type: application/json.",
        )
    try:
        return django_request.body
    except UnreadablePostError as error:
        raise MalformedJson("The connection ended before the whole body had come.") from error


def order_id_in(text: str) -> UUID:
    """Raises OrderNotFound for what is no id at all: no order has it."""
    try:
        order_id = UUID(text)
    except ValueError:
        raise OrderNotFound(text[:100]) from None
    if str(order_id) != text.lower():
        raise OrderNotFound(text[:100])
    return order_id


def principal_of(request: Request) -> KeyPrincipal:
    principal = request.user
    assert isinstance(principal, KeyPrincipal)  # noqa: S101 - HasScope let nobody else through
    return principal


def origin_of(request: Request) -> Origin:
    return Origin(
        actor=principal_of(request).caller.actor,
        reason=reason_in(request),
        request_id=getattr(request._request, "request_id", ""),
        trace=getattr(request._request, "traceparent", None) or "",
    )


def call_of(request: Request, *, reason: str = "", idempotency: Idempotency | None = None) -> Call:
    """The request as an operation takes it: `reason` as the body tells it goes before the query's."""
    origin = origin_of(request)
    rehearsal = Rehearsal() if wants_rehearsal(request) else None
    return Call(
        caller=principal_of(request).caller,
        reason=reason or origin.reason,
        request_id=origin.request_id,
        trace=origin.trace,
        precondition=precondition_of(request._request),
        idempotency=None if rehearsal else idempotency,
        rehearsal=rehearsal,
    )


def wants_rehearsal(request: Request) -> bool:
    """`Prefer: dry-run` (RFC 7240): do it, tell what it did, and undo it.

    Other preferences are not looked at. Raises InvalidRequest for what may mean this one and is not it: better
    refused than really done.
    """
    text = request.META.get("HTTP_PREFER", "").lower()
    wanted = False
    for preference in text.split(","):
        name, _, value = (part.strip() for part in preference.partition(";")[0].partition("="))
        if name == "dry-run" and value in ("", '""'):
            wanted = True
        elif _ALMOST_DRY_RUN.search(preference) or not preference.isascii():
            raise InvalidRequest.at("Prefer", "invalid_preference", "a rehearsal is asked for by `Prefer: dry-run`")
    return wanted


def wants_answer_first(request: Request) -> bool:
    """`Prefer: respond-async` (RFC 7240): answer once it cannot be lost, and do it afterwards."""
    text = request.META.get("HTTP_PREFER", "").lower()
    names = (preference.partition(";")[0].partition("=") for preference in text.split(","))
    return any(name.strip() == "respond-async" and value.strip() in ("", '""') for name, _, value in names)


def reason_in(request: Request) -> str:
    """Why, as the caller tells it in the query: `DELETE …?reason=test+order`. Raises InvalidRequest."""
    refuse_doubled(request.query_params, ["reason"])
    reason: str = request.query_params.get("reason", "")
    if "\0" in reason or len(reason) > _LONGEST_REASON:
        told = f"reason is a text of at most {_LONGEST_REASON} characters, without U+0000"
        raise InvalidRequest.at("reason", "invalid_value", told)
    return reason


def refuse_unknown(parameters: QueryDict, known: Collection[str]) -> None:
    """Raises InvalidRequest for parameters that the route does not have: a mistyped one would be passed over."""
    if unknown := sorted(set(parameters) - set(known)):
        detail = f"There is no such parameter; known: {', '.join(sorted(known)) or 'none'}"
        raise InvalidRequest([FieldError(name, "unknown_parameter", detail) for name in unknown])


def refuse_doubled(parameters: QueryDict, names: Collection[str]) -> None:
    """Raises InvalidRequest for parameters that take one value and come twice: nobody knows which was meant."""
    doubled = sorted(name for name in names if len(parameters.getlist(name)) > 1)
    if doubled:
        detail = "It is given more than once, and takes one value"
        raise InvalidRequest([FieldError(name, "doubled_parameter", detail) for name in doubled])


def whole_number(request: Request, name: str, *, least: int, most: int = 2**31 - 1) -> int | None:
    """A number in the query; None when it is not there. Raises InvalidRequest."""
    refuse_doubled(request.query_params, [name])
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
        raise InvalidRequest.at(name, "out_of_range", f"{name} is a whole number from {least} to {most}")
    return int(text)
