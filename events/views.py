"""The event schemas, open to everybody: `dataschema` of each event points here."""

from typing import Any

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from events.schemas import UnknownEventType, registered_types, schema_for, schema_url


@require_safe
@conditional_page
@cache_control(public=True, max_age=300)
def schemas(request: HttpRequest) -> HttpResponse:
    known = [{"type": event_type, "url": schema_url(event_type)} for event_type in registered_types()]
    return _json({"results": known}, content_type="application/json")


@require_safe
@conditional_page
@cache_control(public=True, max_age=300)
def schema(request: HttpRequest, event_type: str) -> HttpResponse:
    try:
        return _json(schema_for(event_type), content_type="application/schema+json")
    except UnknownEventType as error:
        raise Http404(str(error)) from error


def _json(document: dict[str, Any], *, content_type: str) -> HttpResponse:
    return HttpResponse(orjson.dumps(document), content_type=content_type)
