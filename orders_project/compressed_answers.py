"""Answers compressed for who reads that: large ones only."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.middleware import gzip
from django.utils.cache import patch_vary_headers

from orders.api.encodings import accepts_gzip
from orders.api.feed import EVENT_STREAM

# What fits into a few packets travels as fast as it is, and one order keeps its strong ETag.
_SMALLEST: Final = 8_192


class GZipMiddleware(gzip.GZipMiddleware):
    """Django's, which also hides how long a page with a form's token in it became (BREACH).

    A strong ETag becomes weak, as it now stands for two forms; see `orders/api/preconditions.py`.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            # Whoever holds the compressed form is told of that one: its tag is the weak one.
            weak = f"W/{response.get('ETag', '')}"
            if accepts_gzip(request) and weak in request.headers.get("If-None-Match", ""):
                response["ETag"] = weak
            return response
        if response.get("Content-Type") == EVENT_STREAM:
            return response  # it goes on: what follows is compressed with what went before, or not at all
        if not response.streaming and len(response.content) < _SMALLEST:  # type: ignore[attr-defined]
            return response
        if not accepts_gzip(request):
            patch_vary_headers(response, ("Accept-Encoding",))
            return response
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed
