"""What staff read while the database cannot serve them: a page in the back office's own layout."""

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from orders.api.problems import DatabaseTrouble

_TEMPLATE = "admin/database_trouble.html"
_WHAT_TO_DO = (
    "Nothing that was saved before is lost, but what you were about to do may not have been done. Go back in a "
    "moment, look at the order again, and then go on."
)


def trouble_page(request: HttpRequest, trouble: DatabaseTrouble) -> HttpResponse:
    """The 503 page. With side bar and name where the database can still tell them, else as before a sign-in."""
    try:
        page = _page_for(request, trouble)
    except (DatabaseError, InterfaceError):
        request.user = AnonymousUser()
        page = _page_for(request, trouble)
    response = HttpResponse(page, status=503, headers={"Retry-After": str(trouble.retry_after)})
    response.problem_code = trouble.code  # type: ignore[attr-defined]  # for logs and metrics
    return response


def _page_for(request: HttpRequest, trouble: DatabaseTrouble) -> str:
    layout = "admin/base_site.html" if request.user.is_authenticated else "unfold/layouts/unauthenticated.html"
    told = {"title": trouble.title, "explanation": _WHAT_TO_DO, "layout": layout}
    return render_to_string(_TEMPLATE, {**admin.site.each_context(request), **told}, request)
