"""JSON in and out of DRF, by orjson."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from django.http import HttpResponse
from django.http.request import MediaType
from django.utils.functional import Promise
from rest_framework.exceptions import NotAcceptable, ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


def _default(value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON.")


def json_response(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """An answer whose JSON is there already: read from the database, or dumped once."""
    return HttpResponse(body, status=status, headers=headers, content_type="application/json")


class JSONNegotiation(DefaultContentNegotiation):
    """JSON, unless a view has another format too and the client likes that better (RFC 9110 §12.5.1).

    Whoever accepts anything gets JSON without a look at the details. DRF would not read `q`.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderers = list(renderers)
        if renderers[0].media_type != "application/json":
            selected: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
            return selected
        accept = request.META.get("HTTP_ACCEPT") or "*/*"
        if accept in ("*/*", "application/json"):
            return renderers[0], "application/json"
        ranges = [MediaType(text) for text in accept.split(",") if text.strip()]
        liked = max(renderers, key=lambda renderer: _quality(str(renderer.media_type), ranges))
        if not _quality(str(liked.media_type), ranges):
            raise NotAcceptable(available_renderers=renderers)
        return liked, str(liked.media_type)


def _quality(media_type: str, ranges: list[MediaType]) -> float:
    """That of the range that says most of the type; its parameters, such as a charset, are left alone."""
    main, _, sub = media_type.partition("/")
    saying = [
        (which.main_type != "*", which.sub_type != "*", which.quality)
        for which in ranges
        if (which.main_type, which.sub_type) in ((main, sub), (main, "*"), ("*", "*"))
    ]
    return max(saying)[2] if saying else 0.0


class JSONRenderer(BaseRenderer):
    """What views answer as data."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        # DRF 3.18 gives list errors integer keys.
        return orjson.dumps(data, default=_default, option=orjson.OPT_NON_STR_KEYS)


class JSONParser(BaseParser):
    """For DRF's own use of `request.data`; our views read the raw body into structs instead."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            return orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise ParseError(str(error)) from error
