"""What the API's views need of a request: its JSON body, its order id, who calls and why."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from django.http.request import UnreadablePostError
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from orders.authentication import KeyPrincipal
from orders.changes import Origin
from orders.errors import MalformedJson, OrderNotFound


def json_body(request: Request) -> bytes:
    """The raw body, read before DRF touches the stream. Raises UnsupportedMediaType or RequestDataTooBig."""
    django_request: HttpRequest = request._request
    if django_request.content_type != "application/json":
        raise UnsupportedMediaType(
            django_request.content_type or "",
            detail=f"The body is sent as {django_request.content_type or 'nothing'}; "
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


def caller_of(request: Request) -> KeyPrincipal:
    principal = request.user
    assert isinstance(principal, KeyPrincipal)  # noqa: S101 - HasScope let nobody else through
    return principal


def origin_of(request: Request) -> Origin:
    return Origin(
        actor=caller_of(request).actor,
        reason=reason_in(request),
        request_id=getattr(request._request, "request_id", ""),
        trace=getattr(request._request, "traceparent", None) or "",
    )


def reason_in(request: Request) -> str:
    """Why, as the caller tells it in the query: `DELETE …?reason=test+order`."""
    return request.query_params.get("reason", "").replace("\0", "")[:500]
