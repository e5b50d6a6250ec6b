"""Addresses for tests of what surrounds the views: each view fails, or answers, in its own way."""

from typing import NoReturn

import structlog
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import connection
from django.db.utils import ConnectionHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

from orders_project import error_pages, health, metrics_page


def _echo(request: HttpRequest) -> JsonResponse:
    return JsonResponse(
        {
            "request_id": request.request_id,  # type: ignore[attr-defined]
            "traceparent": request.traceparent,  # type: ignore[attr-defined]
            "bound": structlog.contextvars.get_contextvars(),
            "has_session": hasattr(request, "session"),
            "has_user": hasattr(request, "user"),
        }
    )


def _place(request: HttpRequest, order: str) -> JsonResponse:
    request.storefront_code = "au"  # type: ignore[attr-defined]
    request.placement_outcomes = {"placed": 2, "unknown_product": 1}  # type: ignore[attr-defined]
    structlog.contextvars.bind_contextvars(order=order)
    return JsonResponse({}, status=201)


def _bind_private(request: HttpRequest) -> JsonResponse:
    structlog.contextvars.bind_contextvars(email="ann@example.org")
    return JsonResponse({})


@csrf_exempt
def _read_body(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body, content_type="application/json")


@require_GET
def _only_get(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"{}", content_type="application/json")


def _bad(request: HttpRequest) -> NoReturn:
    raise BadRequest("secret detail")


def _forbidden(request: HttpRequest) -> NoReturn:
    raise PermissionDenied("secret detail")


def _boom(request: HttpRequest) -> NoReturn:
    raise ValueError("secret detail, key abcd1234.0123456789abcdefghijklmnopqrstuv")


def _unreachable_database(request: HttpRequest) -> NoReturn:
    nowhere = ConnectionHandler({"default": {**settings.DATABASES["default"], "PORT": "1"}})
    nowhere["default"].ensure_connection()
    raise AssertionError("A connection to port 1 succeeded.")


def _slow_database(request: HttpRequest) -> NoReturn:
    with connection.cursor() as cursor:
        cursor.execute("set local statement_timeout = 10; select pg_sleep(10)")
    raise AssertionError("The statement was not stopped.")


def _wrong_sql(request: HttpRequest) -> NoReturn:
    with connection.cursor() as cursor:
        cursor.execute("select secret_detail")
    raise AssertionError("A column that does not exist was read.")


def _database_fails(request: HttpRequest, state: str) -> NoReturn:
    with connection.cursor() as cursor:
        cursor.execute(f"do $$ begin raise exception 'secret detail' using errcode = '{state}'; end $$")
    raise AssertionError("The exception was not raised.")


urlpatterns = [
    path("echo", _echo, name="echo"),
    path("admin/echo", _echo),
    path("admin/boom", _boom),
    path("admin/missing-database", _unreachable_database),
    path("admin/", admin.site.urls),
    path("place/<str:order>", _place, name="place"),
    path("api/v1/boom", _boom),
    path("api/v1/bad", _bad),
    path("api/v1/forbidden", _forbidden),
    path("api/v1/unreachable-database", _unreachable_database),
    path("bind-private", _bind_private, name="bind-private"),
    path("body", _read_body, name="body"),
    path("only-get", _only_get, name="only-get"),
    path("bad", _bad, name="bad"),
    path("forbidden", _forbidden, name="forbidden"),
    path("boom", _boom, name="boom"),
    path("unreachable-database", _unreachable_database, name="unreachable-database"),
    path("slow-database", _slow_database, name="slow-database"),
    path("wrong-sql", _wrong_sql, name="wrong-sql"),
    path("database-fails/<str:state>", _database_fails, name="database-fails"),
    path("api/", _only_get),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics_page.metrics, name="metrics"),
]
handler400 = error_pages.bad_request
handler403 = error_pages.permission_denied
handler404 = error_pages.not_found
handler500 = error_pages.server_error
