"""The served OpenAPI document is true: what it says of the API, the API does."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import schemathesis
from django.core.management import call_command
from django.test import Client
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from orders.api.keys import make_key
from orders.api.operations import POSTED
from orders.models import Storefront
from orders.rules.scopes import Scope
from orders_project.wsgi import application
from tests.base import READY_FOR, make_ready

SCHEMA_PATH = "/api/schema/"
EXTERNAL = re.compile(r"""(?:src|href|url)\s*[=:(]\s*["']?(?:https?:)?//""")


ROUTES = [
    "GET /api/v1/orders",
    "POST /api/v1/orders",
    "GET /api/v1/orders/{id}",
    "PATCH /api/v1/orders/{id}",
    "DELETE /api/v1/orders/{id}",
    "GET /api/v1/orders/{id}/actions",
    "GET /api/v1/orders/{id}/timeline",
    "POST /api/v1/orders/batch",
    "POST /api/v1/orders/bulk",
    "GET /order/{order_id}",
    "POST /order/create",
    "DELETE /order/delete/{order_id}",
    "PUT /order/update/{order_id}",
]
EXAMPLES_OF_EACH = {"routes": 40, "operations": 12}


def test_the_document_is_valid_and_complete():
    errors = io.StringIO()

    call_command("spectacular", "--validate", "--fail-on-warn", file="/dev/null", stderr=errors)

    assert errors.getvalue() == ""


def test_the_document_is_openapi_3_1_and_names_every_operation():
    document = orjson.loads(Client(headers={"Accept": "application/json"}).get(SCHEMA_PATH).content)

    assert document["openapi"] == "3.1.0"
    shown = [f"{method.upper()} {path}" for path, routes in document["paths"].items() for method in routes]
    assert sorted(shown) == sorted([*ROUTES, *(f"POST /api/v1/orders/{{id}}/{name}" for name in READY_FOR)])
    assert set(READY_FOR) == set(POSTED)


@pytest.mark.parametrize("path", ["/api/", "/api/redoc/"])
def test_the_pages_of_the_api_need_no_other_host(path):
    response = Client().get(path)

    assert response.status_code == 200
    assert EXTERNAL.findall(response.content.decode()) == []


@pytest.mark.parametrize("label", ROUTES)
def test_answers_only_what_the_document_says(label, storefront: Storefront, place_order, stock):
    """Schemathesis sends good and bad requests and compares every answer with the document."""
    statuses = _ask(label, storefront, stock, lambda: place_order(abc123=1)["id"], EXAMPLES_OF_EACH["routes"])

    assert any(status < 300 for status in statuses)
    assert any(status >= 400 for status in statuses)


@pytest.mark.parametrize("name", READY_FOR)
def test_an_operation_answers_only_what_the_document_says(name, storefront: Storefront, place_order, stock):
    storefront.refund_approval_above = 0
    storefront.save()

    def ready() -> str:
        order_id: str = place_order(abc123=1)["id"]
        make_ready(name, order_id)
        return order_id

    label = f"POST /api/v1/orders/{{id}}/{name}"
    statuses = _ask(label, storefront, stock, ready, EXAMPLES_OF_EACH["operations"])

    assert all(status < 500 for status in statuses)


def _ask(label: str, storefront: Storefront, stock: Any, ready: Callable[[], str], examples: int) -> set[int]:
    """The statuses of the answers; `ready` makes an order that can be asked for."""
    _, key = make_key(storefront, name="schemathesis", scopes=list(Scope))
    stock(abc123=1_000_000_000)
    schema = schemathesis.openapi.from_wsgi(SCHEMA_PATH, application)
    operation = schema.find_operation_by_label(label)
    assert operation is not None
    statuses = set()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def send(data: st.DataObject) -> None:
        order_id = ready() if "{" in label and data.draw(st.booleans()) else None
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        path_parameters = {"id": order_id, "order_id": order_id} if order_id else None
        case = data.draw(operation.as_strategy(mode, path_parameters=path_parameters))
        assume(not schema.is_security_param_negated(case))  # the right key is sent all the same
        if mode is GenerationMode.POSITIVE:
            _ask_for_what_there_is(case.body)
        response = case.call_and_validate(
            headers={"X-API-Key": key},
            # JSON Schema cannot say that sums add up or that a country exists.
            excluded_checks=[positive_data_acceptance],
        )
        statuses.add(response.status_code)

    send()
    return statuses


def _ask_for_what_there_is(body: Any) -> None:
    """Random product ids would all be refused as unknown."""
    match body:
        case {"orders": [*orders]}:
            for order in orders:
                _ask_for_what_there_is(order)
        case {"items": [*items]}:
            for item in items:
                match item:
                    case {"product_id": str()}:
                        item["product_id"] = "abc123"
                    case {"productId": str()}:
                        item["productId"] = "abc123"
