"""The OpenAPI document as it is served. It takes a third of a second to make, and never changes: made once."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from threading import Lock
from typing import Any, Final, NamedTuple

from django.http import HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from orders.api.encodings import accepts_gzip

# Whoever asks while another makes it waits for that one, instead of making it too.
_making: Final = Lock()


class SchemaDocumentView(APIView):
    """`GET /api/schema/`: YAML or JSON, as the caller accepts it, and a 304 for who has it already."""

    renderer_classes = [OpenApiYamlRenderer, OpenApiYamlRenderer2, OpenApiJsonRenderer, OpenApiJsonRenderer2]
    authentication_classes = []
    permission_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponseBase:
        renderer = request.accepted_renderer
        with _making:
            document = _made(renderer.format)
        compressed = accepts_gzip(request._request)
        response = HttpResponse(
            document.compressed if compressed else document.plain,
            content_type=renderer.media_type + (f"; charset={renderer.charset}" if renderer.charset else ""),
            headers={
                "Content-Disposition": f'inline; filename="{spectacular_settings.TITLE}.{renderer.format}"',
                "Cache-Control": "public, no-cache",
                "ETag": document.etag,
                "Vary": "Accept, Accept-Encoding",
                **({"Content-Encoding": "gzip"} if compressed else {}),
            },
        )
        return get_conditional_response(request, etag=document.etag, response=response) or response


class _Document(NamedTuple):
    """`etag` is weak: it stands for the document plain and compressed."""

    plain: bytes
    compressed: bytes
    etag: str


@cache
def _made(form: str) -> _Document:
    renderer = OpenApiJsonRenderer() if form == "json" else OpenApiYamlRenderer()
    plain = renderer.render(_described(), None, {})
    return _Document(plain, gzip.compress(plain, mtime=0), f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"')


@cache
def _described() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document
