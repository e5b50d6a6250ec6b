"""What events look like, open to everybody: the schemas, to which each event's `dataschema` points, and a page."""

from typing import Any

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from events.asyncapi import ENVELOPE, asyncapi_document
from events.schema_fields import fields_of
from events.schemas import UnknownEventType, registered_types, schema_for, schema_url, versions_of


@require_safe
@conditional_page
@cache_control(public=True, max_age=300)
def schemas(request: HttpRequest) -> HttpResponse:
    known = [
        {
            "type": event_type,
            "version": version,
            "url": schema_url(event_type, api_version=f"v{version.partition('.')[0]}"),
        }
        for event_type in registered_types()
        for version in versions_of(event_type)
    ]
    return _json({"results": known}, content_type="application/json")


@require_safe
@conditional_page
@cache_control(public=True, max_age=300)
def schema(request: HttpRequest, event_type: str, version: str | None = None) -> HttpResponse:
    """The newest without a version; of an older minor one, the one that has grown from it."""
    try:
        return _json(schema_for(event_type, version), content_type="application/schema+json")
    except UnknownEventType as error:
        raise Http404(str(error)) from error


@require_safe
@conditional_page
@cache_control(public=True, max_age=300)
def asyncapi(request: HttpRequest) -> HttpResponse:
    return _json(asyncapi_document(), content_type="application/json")


@require_safe
@conditional_page
@cache_control(public=True, max_age=300)
def page(request: HttpRequest) -> HttpResponse:
    """The same to read."""
    document = asyncapi_document()
    types = [
        {**message, "fields": list(fields_of(schema_for(name)))}
        for name, message in document["components"]["messages"].items()
    ]
    context = {"document": document, "types": types, "envelope": list(fields_of(ENVELOPE))}
    return render(request, "events/page.html", context)


def _json(document: dict[str, Any], *, content_type: str) -> HttpResponse:
    return HttpResponse(orjson.dumps(document), content_type=content_type)
