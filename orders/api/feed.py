"""The storefront's events: `GET /api/v1/events`, as a page of JSON or as Server-Sent Events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db import DatabaseError, InterfaceError
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from events.cloudevents import envelope
from events.feed.cursors import Cursor
from events.feed.numbering import number_arrivals
from events.feed.pages import FeedPage, read_page
from orders.announcing.payloads import EVENT_TYPES
from orders.api import docs
from orders.api.calls import principal_of, refuse_doubled, refuse_unknown, whole_number
from orders.api.json_format import JSONRenderer, json_response
from orders.api.problems import database_trouble
from orders.rules.errors import InvalidRequest
from orders.rules.limits import MAX_PAGE_BYTES, MAX_PAGE_EVENTS, MAX_WAIT_SECONDS, PAGE_EVENTS
from orders.rules.scopes import Scope
from orders.rules.sight import Sight

FEED_PATH: Final = "/api/v1/events"
EVENT_STREAM: Final = "text/event-stream"
# Under this name in the environment a front that can keep a client waiting without a thread is told of a `Pause`. It
# stands there as None at first; where the front asks again, as the pause that is over.
PAUSE: Final = "orders.feed.pause"


@dataclass(frozen=True, slots=True)
class Pause:
    """Whoever asked has had all up to `position`, and would wait so many seconds for more.

    None is for a stream, which goes on for ever; with `has_more` it goes on at once.
    """

    storefront_id: int
    position: int
    seconds: float | None
    has_more: bool


class EventStreamRenderer(BaseRenderer):
    """Only for the choice by `Accept`: the view writes the stream."""

    media_type = EVENT_STREAM
    format = "stream"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return orjson.dumps(data)


class FeedView(APIView):
    """A page of what follows a cursor. Whoever reads numbers what has arrived; see `events/feed`."""

    scopes = {"GET": Scope.ORDERS_READ, "HEAD": Scope.ORDERS_READ}
    renderer_classes = [JSONRenderer, EventStreamRenderer]

    @extend_schema(**docs.FEED)
    def get(self, request: Request) -> HttpResponse:
        refuse_unknown(request.query_params, ["after", "limit", "types", "wait"])
        refuse_doubled(request.query_params, ["after"])
        storefront_id = principal_of(request).storefront.pk
        is_stream = request.accepted_renderer.media_type == EVENT_STREAM
        types = _types_in(request)
        limit = whole_number(request, "limit", least=1, most=MAX_PAGE_EVENTS) or PAGE_EVENTS
        wait = whole_number(request, "wait", least=0, most=MAX_WAIT_SECONDS) or 0
        pause: Pause | None = request.META.get(PAUSE)
        after = pause.position if pause else _position_in(request, storefront_id, is_stream=is_stream)
        _number(storefront_id)
        personal = principal_of(request).caller.sight is Sight.CUSTOMER
        page = read_page(
            storefront_id, after=after, types=types, limit=limit, most_bytes=MAX_PAGE_BYTES, personal=personal
        )
        if after > page.head:
            raise InvalidRequest.at(
                _name_of_cursor(request, is_stream=is_stream),
                "cursor_ahead",
                "This cursor is ahead of all events: the service has gone back to an older copy of its data. "
                "Begin anew, without it",
            )
        if PAUSE in request.META:
            waits = is_stream or (wait and not page.events and not page.has_more)
            seconds = None if is_stream else float(wait)
            request.META[PAUSE] = Pause(storefront_id, page.position, seconds, page.has_more) if waits else None
        cursor = str(Cursor(storefront_id, page.position))
        return _stream(page, cursor) if is_stream else _page(request, page, cursor)


def _number(storefront_id: int) -> None:
    try:
        number_arrivals(storefront_id)
    except (DatabaseError, InterfaceError) as error:
        # What is numbered can be read all the same; and if it cannot, reading says so.
        if database_trouble(error) is None:
            raise


def _types_in(request: Request) -> list[str]:
    types: list[str] = request.query_params.getlist("types")
    if unknown := sorted(set(types) - set(EVENT_TYPES)):
        told = f"{unknown[0][:100]!r} is no type of events; there are: {', '.join(EVENT_TYPES)}"
        raise InvalidRequest.at("types", "not_a_choice", told)
    return types


def _name_of_cursor(request: Request, *, is_stream: bool) -> str:
    return "Last-Event-ID" if is_stream and request.META.get("HTTP_LAST_EVENT_ID") else "after"


def _position_in(request: Request, storefront_id: int, *, is_stream: bool) -> int:
    """A client of a stream that comes back sends the same address, and the header that tells how far it came."""
    name = _name_of_cursor(request, is_stream=is_stream)
    text = request.META["HTTP_LAST_EVENT_ID"] if name == "Last-Event-ID" else request.query_params.get("after")
    if text is None:
        return 0
    try:
        cursor = Cursor.read(text)
    except ValueError:
        cursor = None
    if cursor is None or cursor.storefront_id != storefront_id:
        raise InvalidRequest.at(
            name, "invalid_cursor", "This cursor is not one of this storefront's: take it from next, or leave it out"
        )
    return cursor.position


def _page(request: Request, page: FeedPage, cursor: str) -> HttpResponse:
    following = replace_query_param(request._request.build_absolute_uri(), "after", cursor)
    body = b'{"next":%s,"has_more":%s,"results":[%s]}' % (
        orjson.dumps(following),
        orjson.dumps(page.has_more),
        b",".join(envelope(event) for event in page.events),
    )
    return json_response(body)


def _stream(page: FeedPage, cursor: str) -> HttpResponse:
    """Each event with the cursor behind it. Where others were passed over, an id without data tells how far it came."""
    parts = [
        b"id: %s\ndata: %s\n\n" % (str(Cursor(event.storefront_id, event.position)).encode(), envelope(event))
        for event in page.events
    ]
    if not page.events or page.events[-1].position < page.position:
        parts.append(b"id: %s\n\n" % cursor.encode())
    return HttpResponse(b"".join(parts), content_type=EVENT_STREAM)
