"""The API's paths go past most middleware: their answers are what the whole chain makes of them."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import URLPattern, get_resolver

from tests.orders.asking import sell

ORDER = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
MISSING = "01a2068a-33c2-75f8-9a09-a014ce1a34b0"
KEYED = "X-API-Key, Authorization"
ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Request-ID": "abc",
}
# What every answer has beside what is named in each test.
FRAMED = {**ALWAYS, "X-Frame-Options": "DENY"}
PROBLEM = {**FRAMED, "Content-Type": "application/problem+json", "Cache-Control": "private, no-store", "Vary": KEYED}
SHORT = "orders_project.api_requests.ApiMiddleware"


@pytest.fixture(params=["short", "whole"])
def chain(request: pytest.FixtureRequest, settings: Any) -> None:
    """The chain as it is configured, and as it would be without the short cut."""
    assert SHORT in configured.MIDDLEWARE
    if request.param == "whole":
        settings.MIDDLEWARE = [name for name in configured.MIDDLEWARE if name != SHORT]


def headers_of(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "Content-Length"}


def assert_length(answer: Any) -> None:
    assert answer.headers["Content-Length"] == str(len(answer.content))


def test_an_order_that_is_read(chain, api, storefront):
    order_id = sell(api)["id"]

    answer = api.get(f"/api/v1/orders/{order_id}", headers={"X-Request-ID": "abc"})

    assert answer.status_code == 200
    assert_length(answer)
    assert headers_of(answer) == {
        **FRAMED,
        "Content-Type": "application/json",
        "Cache-Control": "private, no-cache",
        "ETag": '"1"',
        "Allow": "GET, PATCH, DELETE, HEAD, OPTIONS",
        "Vary": KEYED,
    }


def test_an_order_that_is_placed(chain, api, stock):
    stock(cup=10)

    answer = api.post("/api/v1/orders", ORDER, content_type="application/json", headers={"X-Request-ID": "abc"})

    assert answer.status_code == 201
    assert_length(answer)
    assert headers_of(answer) == {
        **FRAMED,
        "Content-Type": "application/json",
        "Cache-Control": "private, no-store",
        "ETag": '"1"',
        "Allow": "GET, POST, HEAD, OPTIONS",
        "Location": f"/api/v1/orders/{answer.json()['id']}",
        "Vary": KEYED,
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "more"),
    [
        ("post", "/api/v1/orders", 400, {"Allow": "GET, POST, HEAD, OPTIONS"}),
        ("post", "/order/create", 400, {"Allow": "POST, OPTIONS"}),
        ("get", f"/api/v1/orders/{MISSING}", 404, {"Allow": "GET, PATCH, DELETE, HEAD, OPTIONS"}),
        ("get", "/api/v1/orders/nonsense/nowhere", 404, {}),
        ("put", "/api/v1/orders", 405, {"Allow": "GET, POST, HEAD, OPTIONS"}),
    ],
)
def test_a_refusal(chain, api, method, path, status, more):
    answer = getattr(api, method)(path, {}, content_type="application/json", headers={"X-Request-ID": "abc"})

    assert answer.status_code == status
    assert_length(answer)
    assert headers_of(answer) == PROBLEM | more


def test_a_call_without_a_key(chain, database):
    answer = Client().get("/api/v1/orders", headers={"X-Request-ID": "abc"})

    assert answer.status_code == 401
    assert_length(answer)
    assert headers_of(answer) == PROBLEM | {"WWW-Authenticate": "Api-Key", "Allow": "GET, POST, HEAD, OPTIONS"}


def test_what_may_be_asked_of_an_address(chain, api):
    answer = api.options("/api/v1/orders", headers={"X-Request-ID": "abc"})

    assert answer.status_code == 200
    assert_length(answer)
    assert headers_of(answer) == {
        **FRAMED,
        "Allow": "GET, POST, HEAD, OPTIONS",
        "Cache-Control": "private, no-store",
        "Content-Type": "application/json",
        "Vary": KEYED,
    }


@pytest.mark.urls("tests.orders_project.routes")
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/boom", 500, "internal_error"),
        ("/api/v1/unreachable-database", 503, "database_unavailable"),
        ("/api/v1/bad", 400, "bad_request"),
        ("/api/v1/forbidden", 403, "forbidden"),
        ("/order/nowhere/at/all", 404, "not_found"),
    ],
)
def test_what_a_view_does_not_answer(chain, database, path, status, code):
    client = Client(raise_request_exception=False)

    answer = client.get(path, headers={"X-Request-ID": "abc"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert_length(answer)
    assert headers_of(answer) == PROBLEM | ({"Retry-After": "5"} if status == 503 else {})


def test_a_host_that_is_not_ours(chain, database):
    answer = Client().get("/api/v1/orders", headers={"Host": "elsewhere.example", "X-Request-ID": "abc"})

    assert (answer.status_code, answer.json()["code"]) == (400, "host_not_allowed")
    assert headers_of(answer) == {name: value for name, value in PROBLEM.items() if name != "X-Frame-Options"}


def test_plain_http_is_sent_to_https(chain, settings, database):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31_536_000

    answer = Client().post("/api/v1/orders?a=b", headers={"Host": "localhost", "X-Request-ID": "abc"})

    assert answer.status_code == 301
    assert headers_of(answer) == {
        **ALWAYS,
        "Location": "https://localhost/api/v1/orders?a=b",
        "Cache-Control": "private, no-store",
        "Content-Type": "text/html; charset=utf-8",
        "Vary": KEYED,
    }


def test_https_is_told_to_stay(chain, settings, api):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31_536_000

    answer = api.get("/api/v1/orders", secure=True, headers={"X-Request-ID": "abc"})

    assert answer.status_code == 200
    assert headers_of(answer) == {
        **FRAMED,
        "Cache-Control": "private, no-store",
        "Content-Type": "application/json",
        "Allow": "GET, POST, HEAD, OPTIONS",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
        "Vary": KEYED,
    }


def test_a_large_page_is_compressed_for_who_reads_that(chain, api, storefront):
    for _ in range(12):
        sell(api)

    answer = api.get("/api/v1/orders", headers={"Accept-Encoding": "gzip", "X-Request-ID": "abc"})

    assert len(gzip.decompress(answer.content)) > 8_192
    assert_length(answer)
    assert headers_of(answer) == {
        **FRAMED,
        "Allow": "GET, POST, HEAD, OPTIONS",
        "Cache-Control": "private, no-store",
        "Content-Encoding": "gzip",
        "Content-Type": "application/json",
        "Vary": f"Accept-Encoding, {KEYED}",
    }


def test_a_cookie_changes_nothing_and_none_is_set(chain, api, storefront):
    api.cookies["sessionid"] = api.cookies["csrftoken"] = "x" * 32

    answer = api.post(
        "/api/v1/orders",
        {},
        content_type="application/json",
        headers={"Origin": "https://elsewhere.example", "X-Request-ID": "abc"},
    )

    assert (answer.status_code, len(answer.cookies)) == (400, 0)


def test_no_route_there_would_have_needed_the_check_of_a_forms_origin():
    """What the short cut leaves out is only right for views that no cookie speaks for."""
    views = [
        (match, pattern.callback)
        for match, pattern in _patterns(get_resolver().url_patterns, "")
        if f"/{match}".startswith(("/api/v1/", "/order/"))
    ]

    assert len(views) > 40
    assert [match for match, view in views if not getattr(view, "csrf_exempt", False)] == []


def _patterns(patterns: list[Any], before: str) -> list[tuple[str, URLPattern]]:
    found = []
    for pattern in patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            found.append((address, pattern))
        else:
            found += _patterns(pattern.url_patterns, address)
    return found
