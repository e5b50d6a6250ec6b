"""Content-Security-Policy: three constant policies, chosen by path."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from orders_project.back_office import is_back_office

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
# Swagger UI and Redoc from our own static files. Both put styles into the page; Redoc searches in a worker it
# makes of a blob, and both draw icons from data URLs.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# Unfold's pages run on Alpine, which compiles the expressions in their attributes: 'unsafe-eval'.
ADMIN_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)

DOCS_PATHS = frozenset({"/api/", "/api/redoc/", "/api/events/"})


class ContentSecurityMiddleware:
    """Sets the policy of every answer that does not bring its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _policy_for(request))
        return response


def _policy_for(request: HttpRequest) -> str:
    if is_back_office(request):
        return ADMIN_POLICY
    return DOCS_POLICY if request.path_info in DOCS_PATHS else API_POLICY
