"""The API in AWS Lambda: events of API Gateway in, what it answers callers out, by the handler and on the database."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from orders.api.keys import make_key
from orders.models import Storefront
from orders.rules.scopes import Scope
from orders_project import on_lambda
from orders_project.client_address import client_address
from tests.orders_project.gateway_events import CLIENT, HOST, event_of

ROOT = Path(__file__).resolve().parents[2]
EVERY_VERSION = pytest.mark.parametrize("version", ["1.0", "2.0"])

pytestmark = pytest.mark.usefixtures("database")


class Answer:
    """What the caller of API Gateway gets of what the handler returns."""

    def __init__(self, told: dict[str, Any]) -> None:
        json.dumps(told)  # Lambda does as much
        self.status: int = told["statusCode"]
        several = told.get("multiValueHeaders", {name: [value] for name, value in told.get("headers", {}).items()})
        self.headers = {name.lower(): ", ".join(values) for name, values in several.items()}
        cookies: list[str] = told.get("cookies") or next(
            (v for n, v in several.items() if n.lower() == "set-cookie"), []
        )
        self.cookies = {name: morsel.value for text in cookies for name, morsel in SimpleCookie(text).items()}
        self.body: bytes = base64.b64decode(told["body"]) if told["isBase64Encoded"] else told["body"].encode()

    def json(self) -> Any:
        return json.loads(self.body)


def ask(version: str, method: str, path: str, **parts: Any) -> Answer:
    return Answer(on_lambda.handler(event_of(version, method, path, **parts), None))


@pytest.fixture(autouse=True)
def host(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = [HOST]


@pytest.fixture
def key(storefront: Storefront, stock: Callable[..., None]) -> dict[str, str]:
    stock(cup=10)
    _, key = make_key(storefront, name="test", scopes=list(Scope))
    return {"X-API-Key": key}


_ORDER = json.dumps({"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]})


def place(version: str, key: dict[str, str], body: str | bytes = _ORDER) -> Answer:
    return ask(version, "POST", "/api/v1/orders", body=body, headers=key | {"Content-Type": "application/json"})


@EVERY_VERSION
def test_an_order_is_placed_read_and_listed(version: str, key: dict[str, str]):
    placed = place(version, key)

    assert placed.status == 201, placed.body
    order = placed.json()
    assert placed.headers["location"] == f"/api/v1/orders/{order['id']}"
    read = ask(version, "GET", placed.headers["location"], headers=key)
    assert (read.status, read.json(), read.headers["etag"]) == (200, order, placed.headers["etag"])
    listed = ask(version, "GET", "/api/v1/orders", query="status=pending&limit=1", headers=key)
    assert [found["id"] for found in listed.json()["results"]] == [order["id"]]
    unchanged = ask(version, "GET", placed.headers["location"], headers=key | {"If-None-Match": read.headers["etag"]})
    assert (unchanged.status, unchanged.body) == (304, b"")


@EVERY_VERSION
def test_a_body_may_come_in_base64(version: str, key: dict[str, str]):
    assert place(version, key, _ORDER.encode()).status == 201


@EVERY_VERSION
def test_text_of_any_script_comes_and_goes_as_it_is(version: str, key: dict[str, str]):
    body = json.dumps(json.loads(_ORDER) | {"note": "für Łukasz 王"}, ensure_ascii=False)

    assert place(version, key, body).json()["note"] == "für Łukasz 王"


@EVERY_VERSION
def test_what_is_not_there_is_a_problem(version: str, key: dict[str, str]):
    missing = ask(version, "GET", "/api/v1/orders/0194b6a0-0000-7000-8000-000000000000", headers=key)

    assert (missing.status, missing.json()["code"]) == (404, "order_not_found")
    assert missing.headers["content-type"] == "application/problem+json"
    assert ask(version, "GET", "/nowhere").status == 404


@EVERY_VERSION
def test_a_head_has_no_body(version: str, key: dict[str, str]):
    path = place(version, key).headers["location"]

    asked = ask(version, "HEAD", path, headers=key)

    assert (asked.status, asked.body) == (200, b"")
    assert asked.headers["etag"] == ask(version, "GET", path, headers=key).headers["etag"]


@EVERY_VERSION
def test_static_files_are_served(version: str):
    style = ask(version, "GET", "/static/admin/css/base.css", headers={"Accept-Encoding": "gzip"})

    assert (style.status, style.headers["content-type"]) == (200, 'text/css; charset="utf-8"')
    assert b"{" in style.body
    icon = ask(version, "GET", "/static/admin/img/sorting-icons.svg")
    assert (icon.status, icon.body[:4]) == (200, b"<svg")


@EVERY_VERSION
def test_staff_sign_in_with_cookie_and_token(version: str):
    User.objects.create_superuser("ann", password="correct horse battery")
    page = ask(version, "GET", "/admin/login/")
    token = re.findall(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.body)[0].decode()
    cookies = [f"csrftoken={page.cookies['csrftoken']}"]
    form = f"csrfmiddlewaretoken={token}&username=ann&password=correct+horse+battery&next=%2Fadmin%2F"
    sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{HOST}"}

    without = ask(version, "POST", "/admin/login/", body=form, headers=sent)
    signed_in = ask(version, "POST", "/admin/login/", body=form, headers=sent, cookies=cookies)

    assert without.status == 403
    assert (signed_in.status, signed_in.headers["location"]) == (302, "/admin/")
    assert {"csrftoken", "sessionid"} <= signed_in.cookies.keys()
    session = [f"{name}={value}" for name, value in signed_in.cookies.items()]
    first_page = ask(version, "GET", "/admin/", cookies=session)
    assert first_page.status == 200
    assert b"ann" in first_page.body


@EVERY_VERSION
def test_health_is_answered(version: str, settings: Settings):
    settings.ALLOWED_HOSTS = []

    assert ask(version, "GET", "/healthz").json() == {"status": "ok", "version": "0.1.0"}
    assert ask(version, "GET", "/readyz").json()["checks"]["database"]["status"] == "ok"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Django is asked."""
    environs: list[dict[str, Any]] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        environs.append(environ)
        start_response("200 OK", [("Connection", "close")])
        return [b""]

    monkeypatch.setattr(on_lambda, "_django", application)
    return environs


@EVERY_VERSION
@pytest.mark.parametrize("proxies", [0, 1])
def test_the_client_is_whoever_called_api_gateway(
    version: str, proxies: int, settings: Settings, seen: list[dict[str, Any]]
):
    """Not whom the caller names."""
    settings.TRUSTED_PROXIES = proxies

    ask(version, "GET", "/", forwarded_for=f"198.51.100.1, {CLIENT}", headers={"X-Forwarded-Proto": "http"})

    assert client_address(seen[0]) == CLIENT
    assert (seen[0]["wsgi.url_scheme"], seen[0]["HTTP_X_FORWARDED_PROTO"]) == ("https", "https")


@EVERY_VERSION
def test_a_proxy_before_api_gateway_is_counted_as_any_other(
    version: str, settings: Settings, seen: list[dict[str, Any]]
):
    settings.TRUSTED_PROXIES = 2

    ask(version, "GET", "/", forwarded_for=f"192.0.2.9, 198.51.100.1, {CLIENT}")

    assert client_address(seen[0]) == "198.51.100.1"


@EVERY_VERSION
def test_a_header_with_an_underscore_is_not_taken_for_another(version: str, seen: list[dict[str, Any]]):
    ask(version, "GET", "/", headers={"X_Api_Key": "invented", "X_Forwarded_For": "198.51.100.1"})

    assert "HTTP_X_API_KEY" not in seen[0]
    assert seen[0]["HTTP_X_FORWARDED_FOR"] == CLIENT


@EVERY_VERSION
def test_the_connection_is_api_gateways(version: str, seen: list[dict[str, Any]]):
    assert "connection" not in ask(version, "GET", "/").headers


def test_a_header_that_takes_one_value_and_came_twice_is_refused(key: dict[str, str]):
    """Of a REST API; an HTTP API does not tell."""
    event = event_of("1.0", "POST", "/api/v1/orders", body=_ORDER, headers=key | {"Idempotency-Key": "two"})
    event["multiValueHeaders"]["idempotency-key"] = ["one", "two"]

    refused = Answer(on_lambda.handler(event, None))

    assert (refused.status, refused.json()["code"]) == (400, "doubled_header")


@EVERY_VERSION
def test_a_method_that_no_route_has_is_refused(version: str):
    refused = ask(version, "PURGE", "/api/v1/orders")

    assert (refused.status, refused.json()["code"]) == (501, "unknown_method")


@EVERY_VERSION
def test_a_body_that_is_too_large_is_refused(version: str, key: dict[str, str], settings: Settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    refused = place(version, key)

    assert (refused.status, refused.json()["code"]) == (413, "body_too_large")


@EVERY_VERSION
def test_the_feed_answers_at_once_with_what_there_is(version: str, key: dict[str, str]):
    place(version, key)

    waited = ask(version, "GET", "/api/v1/events", query="wait=20", headers=key)

    assert [event["type"] for event in waited.json()["results"]] == ["order.created"]


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"DEBUG": "1", "SECRET_KEY": "3yV-" + "q8Zr_Wm2" * 8}, "DEBUG is on"),
        ({"SECRET_KEY": "short"}, "can be guessed"),
    ],
)
def test_what_is_for_ones_own_machine_is_refused(variables: dict[str, str], why: str):
    environment = {"PATH": os.environ["PATH"], "EMBEDDED_PG": "0", **variables}

    ran = subprocess.run(
        [sys.executable, "-c", "import orders_project.on_lambda"],
        cwd=ROOT,
        env=environment | {"DJANGO_SETTINGS_MODULE": "orders_project.settings"},
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 1
    assert why in ran.stderr
