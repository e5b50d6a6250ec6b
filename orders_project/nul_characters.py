"""U+0000 in what the staff pages are asked for: PostgreSQL's text cannot hold it, and Django passes it on.

The API's own readers refuse it with a problem that names where it stands. Django's admin puts what a query,
an address or a list of chosen rows says into conditions as it is, so it is refused here, for all pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseBase

from orders_project.back_office import is_back_office


class NulCharactersMiddleware:
    """Comes after the one that checks where a form comes from: it has read the form, or refused it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        """Answer instead of the view."""
        if is_back_office(request) and any("\0" in text for text in _texts_of(request)):
            return HttpResponseBadRequest(
                "The address or the form holds the character U+0000, which no text here can. Go back, and remove it.",
                content_type="text/plain",
            )
        return None


def _texts_of(request: HttpRequest) -> Iterator[str]:
    yield request.path_info
    for fields in (request.GET, request.POST):
        for name, values in fields.lists():
            yield name
            yield from map(str, values)
