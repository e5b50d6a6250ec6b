"""The reference InventoryService as a stranger sees it: strict, and exactly as its OpenAPI document says."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from django.test import Client

from inventory_client.models import Reservation
from inventory_client.server import urls
from inventory_client.server.problems import STATUS_AND_CODE
from inventory_client.stock import set_stock_levels

OPENAPI = yaml.safe_load((Path(urls.__file__).parent.parent / "openapi.yaml").read_text())
A = "01920000-0000-7000-8000-00000000000a"
HOLD = {"revision": 1, "lines": [{"product_id": "cup", "quantity": 2}]}

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(settings):
    """Calls a view; every answer is checked against the OpenAPI document."""
    settings.ROOT_URLCONF = "inventory_client.server.urls"
    settings.MIDDLEWARE = []
    client = Client()

    def send(method: str, path: str, body: Any = None, **headers: str) -> Any:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = client.generic(method, path, content, content_type="application/json", headers=headers)
        _conforms(method, path.partition("?")[0], answer)
        return answer

    return send


def _conforms(method: str, path: str, answer: Any) -> None:
    for template, operations in OPENAPI["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path) and method.lower() in operations:
            documented = operations[method.lower()]["responses"][str(answer.status_code)]
            if "$ref" in documented:
                documented = OPENAPI["components"]["responses"][documented["$ref"].rsplit("/", 1)[1]]
            media = documented["content"][answer.headers["Content-Type"]]
            if "json" in answer.headers["Content-Type"]:
                schema = {**media["schema"], "components": OPENAPI["components"]}
                jsonschema.validate(json.loads(answer.content), schema)


@pytest.fixture(autouse=True)
def _stock():
    set_stock_levels({"cup": 5})


def test_holds_and_joins(call):
    made = call("PUT", f"/reservations/{A}", HOLD)
    joined = call("PUT", f"/reservations/{A}", HOLD)

    assert (made.status_code, joined.status_code) == (201, 200)
    assert made.json()["id"] == A
    assert made.json()["state"] == "held"
    assert made.json()["lines"] == [{"product_id": "cup", "quantity": 2, "shipped": 0}]


def test_names_the_short_lines(call):
    answer = call("PUT", f"/reservations/{A}", {"revision": 1, "lines": [{"product_id": "cup", "quantity": 6}]})

    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_stock")
    assert answer.json()["lines"] == [{"product_id": "cup", "requested": 6, "available": 5}]


def test_names_the_unknown_products(call):
    answer = call("PUT", f"/reservations/{A}", {"revision": 1, "lines": [{"product_id": "fork", "quantity": 6}]})

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_product")
    assert answer.json()["product_ids"] == ["fork"]


def test_a_released_reservation_is_gone(call):
    released = call("DELETE", f"/reservations/{A}")
    late = call("PUT", f"/reservations/{A}", HOLD)
    confirmed = call("POST", f"/reservations/{A}/confirm")

    assert (released.status_code, released.json()["state"]) == (200, "released")
    assert (late.status_code, late.json()["code"]) == (410, "reservation_released")
    assert (confirmed.status_code, confirmed.json()["code"], confirmed.json()["state"]) == (
        409,
        "reservation_not_held",
        "released",
    )


def test_confirms(call):
    unknown = call("POST", f"/reservations/{A}/confirm")
    call("PUT", f"/reservations/{A}", HOLD)
    confirmed = call("POST", f"/reservations/{A}/confirm")

    assert (unknown.status_code, unknown.json()["code"]) == (404, "reservation_unknown")
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed")


def test_reads_and_lists(call):
    call("PUT", f"/reservations/{A}", HOLD)

    one = call("GET", f"/reservations/{A}")
    listed = call("GET", "/reservations?updated_since=2020-01-01T00:00:00Z&limit=10")
    none = call("GET", "/reservations?updated_since=2999-01-01T00:00:00%2B02:00")
    at_the_end_of_time = call("GET", "/reservations?updated_since=9999-12-31T23:59:59-14:00")
    missing = call("GET", "/reservations/01920000-0000-7000-8000-00000000000f")

    assert listed.json() == {"reservations": [one.json()]}
    assert none.json() == {"reservations": []}
    assert (at_the_end_of_time.status_code, at_the_end_of_time.json()) == (200, {"reservations": []})
    assert missing.status_code == 404


@pytest.mark.parametrize(
    "query",
    ["", "updated_since=yesterday", "updated_since=2020-01-01T00:00:00", "limit=5"]
    + [f"updated_since=2020-01-01T00:00:00Z&{rest}" for rest in ("limit=0", "limit=1001", "limit=x", "page=2")],
)
def test_refuses_a_list_it_does_not_understand(call, query):
    answer = call("GET", f"/reservations?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"revision": 1e400, "lines": [{"product_id": "\\u0000", "quantity": 1}]}',
        b'{"revision": 1, "lines": [{"product_id": "cup", "quantity": ' + b"9" * 5000 + b"}]}",
        b'{"revision": 1, "lines": [{"product_id": "\xff", "quantity": 1}]}',
        b'{"revision": 1, "lines": ' + b"[" * 100_000,
        b"\xff",
        b'{"revision": 1}',
        b'{"revision": 1, "lines": []}',
        b'{"revision": 0, "lines": [{"product_id": "cup", "quantity": 1}]}',
        b'{"revision": 1, "lines": [{"product_id": "cup", "quantity": 0}]}',
        b'{"revision": 1, "lines": [{"product_id": "cup", "quantity": 1.5}]}',
        b'{"revision": 1, "lines": [{"product_id": "cup", "quantity": "1"}]}',
        b'{"revision": 1, "lines": [{"product_id": "cup", "quantity": 2147483648}]}',
        b'{"revision": 1, "lines": [{"product_id": "", "quantity": 1}]}',
        b'{"revision": 1, "lines": [{"product_id": "a\\u0000b", "quantity": 1}]}',
        b'{"revision": 1, "lines": [{"product_id": "cup\\n", "quantity": 1}]}',
        b'{"revision": 1, "lines": [{"product_id": "\\ud800", "quantity": 1}]}',
        b'{"revision": 1, "lines": [{"product_id": "cup", "quantity": 1, "sku": "x"}]}',
        b'{"revision": 1, "lines": [{"product_id": "cup", "quantity": 1}], "ttl": 5}',
        b'{"revision": 1, "lines": [{"product_id": "cup", "quantity": 1}, {"product_id": "cup", "quantity": 1}]}',
    ],
)
def test_refuses_what_is_not_a_hold(call, body):
    answer = call("PUT", f"/reservations/{A}", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert not Reservation.objects.exists()


def test_refuses_a_body_that_is_too_large(call, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    answer = call("PUT", f"/reservations/{A}", b" " * 1001)

    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")


def test_unknown_paths_and_methods_are_problems(call):
    nowhere = call("GET", "/orders")
    no_uuid = call("GET", "/reservations/nope")
    wrong = call("PATCH", f"/reservations/{A}")

    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "path_unknown")
    assert (no_uuid.status_code, no_uuid.json()["code"]) == (404, "path_unknown")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "GET, PUT, DELETE"


def test_wants_the_token_when_there_is_one(call, settings):
    settings.INVENTORY_TOKEN = "s3cret"

    without = call("GET", f"/reservations/{A}")
    wrong = call("GET", f"/reservations/{A}", authorization="Bearer s3cre")
    right = call("GET", f"/reservations/{A}", authorization="Bearer s3cret")

    assert (without.status_code, without.json()["code"]) == (401, "unauthorized")
    assert without.headers["WWW-Authenticate"] == "Bearer"
    assert wrong.status_code == 401
    assert right.status_code == 404
    assert call("GET", "/healthz").content == b"ok"


def test_sets_and_reads_stock(call):
    call("PUT", f"/reservations/{A}", HOLD)

    read = call("GET", "/stock/cup")
    lower = call("PUT", "/stock/cup", {"on_hand": 1})
    higher = call("PUT", "/stock/cup", {"on_hand": 9})
    new = call("PUT", "/stock/a/b", {"on_hand": 1})
    missing = call("GET", "/stock/fork")

    assert read.json() == {"product_id": "cup", "on_hand": 5, "reserved": 2, "shipped": 0}
    assert (lower.status_code, lower.json()["code"]) == (409, "level_below_reserved")
    assert higher.json() == {"product_id": "cup", "on_hand": 9, "reserved": 2, "shipped": 0}
    assert new.json() == {"product_id": "a/b", "on_hand": 1, "reserved": 0, "shipped": 0}
    assert (missing.status_code, missing.json()["code"]) == (404, "product_unknown")
    assert call("PUT", "/stock/cup", {"on_hand": -1}).status_code == 400


def test_refuses_a_product_id_with_a_line_break(call):
    refused = call("PUT", "/stock/a%0Ab", {"on_hand": 3})

    assert (refused.status_code, refused.json()["code"]) == (400, "malformed_request")


def test_serves_its_contract(call):
    assert yaml.safe_load(call("GET", "/openapi.yaml").content) == OPENAPI


def test_every_route_and_every_refusal_is_in_the_contract():
    # One route is a regular expression, because a path converter ends at a line break.
    regular = r"^stock/(?P<product_id>[\s\S]+)\Z"
    paths = [str(pattern.pattern).replace(regular, "stock/{product_id}") for pattern in urls.urlpatterns]
    routes = {re.sub(r"<\w+:(\w+)>", r"{\1}", f"/{path}") for path in paths if path}
    codes = OPENAPI["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]

    assert routes == set(OPENAPI["paths"])
    assert {code for _, code in STATUS_AND_CODE.values()} <= set(codes)
