"""Who may keep an answer: nobody, unless it says so itself, or is a document that is the same for everybody."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

from orders_project.back_office import is_back_office
from orders_project.content_security import DOCS_PATHS

PRIVATE = "private, no-store"
# These change with a release of the service.
PUBLIC = "public, max-age=300"
_PUBLIC_PATHS = DOCS_PATHS | {"/api/schema/", "/api/problems"}

# By what the service knows its callers.
_CALLER_HEADERS = ("X-API-Key", "Authorization")
_STAFF_HEADERS = ("Cookie",)


class CachingMiddleware:
    """Sets Cache-Control and Vary of every answer, errors included; what a view says of its own answer stands."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code >= 400:
            response.headers["Cache-Control"] = PRIVATE
        elif "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = PUBLIC if request.path_info in _PUBLIC_PATHS else PRIVATE
        if "public" not in response.headers["Cache-Control"]:
            patch_vary_headers(response, _STAFF_HEADERS if is_back_office(request) else _CALLER_HEADERS)
        return response
