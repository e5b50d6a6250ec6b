"""The served OpenAPI document is true: what it says of the API, the API does."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import schemathesis
from django.core.management import call_command
from django.test import Client
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from events.webhooks.endpoints import create_endpoint
from events.webhooks.models import WebhookEndpoint
from orders.api.keys import make_key
from orders.api.operations import POSTED
from orders.models import Storefront
from orders.rules.scopes import Scope
from orders_project.wsgi import application
from tests.base import READY_FOR, make_ready

SCHEMA_PATH = "/api/schema/"
EXTERNAL = re.compile(r"""(?:src|href|url)\s*[=:(]\s*["']?(?:https?:)?//""")


ROUTES = [
    "GET /api/v1/events",
    "GET /api/v1/orders",
    "POST /api/v1/orders",
    "GET /api/v1/orders/requested",
    "GET /api/v1/orders/{id}",
    "PATCH /api/v1/orders/{id}",
    "DELETE /api/v1/orders/{id}",
    "GET /api/v1/orders/{id}/actions",
    "GET /api/v1/orders/{id}/timeline",
    "POST /api/v1/orders/batch",
    "POST /api/v1/orders/bulk",
    "POST /api/v1/customers/export",
    "POST /api/v1/customers/erase",
    "GET /order/{order_id}",
    "POST /order/create",
    "DELETE /order/delete/{order_id}",
    "PUT /order/update/{order_id}",
]
WEBHOOK_ROUTES = [
    "GET /api/v1/webhooks",
    "POST /api/v1/webhooks",
    "GET /api/v1/webhooks/{id}",
    "PATCH /api/v1/webhooks/{id}",
    "DELETE /api/v1/webhooks/{id}",
    "GET /api/v1/webhooks/{id}/deliveries",
    "GET /api/v1/webhooks/{id}/deliveries/{event_id}",
    "POST /api/v1/webhooks/{id}/redeliver",
    "POST /api/v1/webhooks/{id}/rotate",
    "POST /api/v1/webhooks/{id}/test",
]
EXAMPLES_OF_EACH = {"routes": 40, "operations": 12}


def test_the_document_is_valid_and_complete():
    errors = io.StringIO()

    call_command("spectacular", "--validate", "--fail-on-warn", file="/dev/null", stderr=errors)

    assert errors.getvalue() == ""


@pytest.fixture(scope="module")
def document() -> Any:
    return orjson.loads(Client(headers={"Accept": "application/json"}).get(SCHEMA_PATH).content)


def test_the_document_is_openapi_3_1_and_names_every_operation(document):
    assert document["openapi"] == "3.1.0"
    shown = [f"{method.upper()} {path}" for path, routes in document["paths"].items() for method in routes]
    assert sorted(shown) == sorted(
        [*ROUTES, *WEBHOOK_ROUTES, *(f"POST /api/v1/orders/{{id}}/{name}" for name in READY_FOR)]
    )
    assert set(READY_FOR) == set(POSTED)


def test_it_is_true_wherever_it_is_served_and_says_under_which_licence(document):
    assert [server["url"] for server in document["servers"]] == ["/"]
    assert document["info"]["license"] == {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"}
    assert [tag["name"] for tag in document["tags"]] == [
        "orders",
        "operations",
        "customers",
        "events",
        "webhooks",
        "first-version",
    ]


def test_every_object_and_every_enum_has_a_name_for_generated_clients(document):
    schemas = document["components"]["schemas"]
    nameless = [
        f"{where}: {schema}"
        for where, schema in _schemas_within(document)
        if not re.fullmatch(r"/components/schemas/\w+", where)
        and (schema.get("type") == "object" or "properties" in schema or "enum" in schema)
    ]

    assert {"Order", "OrderItem", "Shipment", "Problem", "FieldError", "BatchRefused", "OrderStatus"} <= schemas.keys()
    assert nameless == []


def test_a_component_is_titled_as_it_is_named(document):
    """Some generators name a type by its title."""
    schemas = document["components"]["schemas"]

    assert {name: schema["title"] for name, schema in schemas.items() if schema.get("title", name) != name} == {}


def test_no_component_is_there_for_nothing(document):
    used = set(re.findall(r"#/components/(\w+/[\w-]+)", orjson.dumps(document).decode()))
    named = {f"{kind}/{name}" for kind in ("schemas", "headers") for name in document["components"][kind]}

    assert used == named


def _schemas_within(part: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every JSON object of the document with its path, but for the values of examples and defaults."""
    if isinstance(part, dict):
        yield where, part
        for name, value in part.items():
            if name == "properties":
                for property_name, schema in value.items():
                    yield from _schemas_within(schema, f"{where}/properties/{property_name}")
            elif name not in ("examples", "default"):
                yield from _schemas_within(value, f"{where}/{name}")
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from _schemas_within(value, f"{where}/{index}")


def test_no_cause_is_offered_for_canceling_that_is_not_taken(api, place_order, document):
    schemas = document["components"]["schemas"]
    cause = schemas["Cancel"]["properties"]["cause"]
    offered = schemas[cause["$ref"].rpartition("/")[2]]["enum"]

    answers = {
        cause: api.post(
            f"/api/v1/orders/{place_order(abc123=1)['id']}/cancel", {"cause": cause}, content_type="application/json"
        ).status_code
        for cause in schemas["CancelReason"]["enum"]
    }

    assert cause["default"] == "customer"
    assert answers == {cause: 200 if cause in offered else 400 for cause in answers}
    assert answers["expired"] == 400


@pytest.mark.parametrize(
    "tag", ["", "*", '"1"', 'W/"1"', '"999999999"', "1", '"x"', "W/1", 'w/"1"', '"1", "2"', '"-1"', '"9999999999"']
)
def test_a_tag_is_refused_where_the_document_says_that_it_is_none(api, place_order, document, tag):
    (header,) = (
        parameter
        for parameter in document["paths"]["/api/v1/orders/{id}"]["patch"]["parameters"]
        if parameter["name"] == "If-Match"
    )

    answer = api.patch(
        f"/api/v1/orders/{place_order(abc123=1)['id']}",
        {"note": "new"},
        content_type="application/json",
        headers={"If-Match": tag},
    )

    assert (answer.status_code != 400) == bool(re.search(header["schema"]["pattern"], tag))


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("get", "/api/v1/orders/bulk", "/api/v1/orders/{id}"),
        ("get", "/api/v1/orders/batch", "/api/v1/orders/{id}"),
        ("patch", "/api/v1/orders/batch", "/api/v1/orders/{id}"),
        ("delete", "/api/v1/orders/bulk", "/api/v1/orders/{id}"),
        ("get", "/order/create", "/order/{order_id}"),
    ],
)
def test_a_word_where_an_id_stands_is_answered_as_the_document_says(api, document, method, path, template):
    answer = getattr(api, method)(path, content_type="application/json")

    assert str(answer.status_code) in document["paths"][template][method]["responses"]
    assert answer.json()["code"] in ("method_not_allowed", "order_not_found")


def test_a_filter_without_a_value_is_refused_as_the_document_says(api, document):
    texts = {
        parameter["name"]: parameter["schema"]
        for parameter in document["paths"]["/api/v1/orders"]["get"]["parameters"]
        if parameter["name"] in ("customer_id", "external_reference", "number")
    }

    assert {name: schema["minLength"] for name, schema in texts.items()} == dict.fromkeys(texts, 1)
    assert {name: api.get(f"/api/v1/orders?{name}=").status_code for name in texts} == dict.fromkeys(texts, 400)


NEEDS_A_BODY = {"amend", "change_customer", "comment", "extend", "hold", "record_payment", "request_return"}
# It can stand in the query.
NEEDS_A_REASON = {"correct_payment", "reinstate", "undo_completion", "undo_delivery", "undo_shipment"}


def test_says_which_body_may_be_absent(document):
    absent = {
        f"{method.upper()} {path}"
        for path, routes in document["paths"].items()
        for method, route in routes.items()
        if "requestBody" in route and not route["requestBody"]["required"]
    }

    assert absent == {
        "POST /api/v1/webhooks/{id}/rotate",
        *(f"POST /api/v1/orders/{{id}}/{name}" for name in READY_FOR if name not in NEEDS_A_BODY),
    }


@pytest.mark.parametrize("name", READY_FOR)
def test_an_operation_without_a_body_is_answered_as_the_document_says(api, storefront, place_order, name):
    storefront.refund_approval_above = 0
    storefront.save()
    order_id = place_order(abc123=1)["id"]
    make_ready(name, order_id)

    if name in NEEDS_A_REASON:
        without = api.generic("POST", f"/api/v1/orders/{order_id}/{name}")
        assert (without.status_code, without.json()["errors"][0]["pointer"]) == (400, "/reason")
        name += "?reason=a+mistake"
    response = api.generic("POST", f"/api/v1/orders/{order_id}/{name}")

    if name in NEEDS_A_BODY:
        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "required")
    else:
        assert response.status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/orders"),
        ("POST", "/api/v1/orders/batch"),
        ("POST", "/api/v1/orders/bulk"),
        ("PATCH", "/api/v1/orders/{id}"),
        ("POST", "/order/create"),
        ("PUT", "/order/update/{id}"),
    ],
)
def test_all_else_that_is_sent_needs_its_body(api, place_order, method, path):
    path = path.format(id=place_order(abc123=1)["id"])

    response = api.generic(method, path)

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_a_past_version_is_answered_as_the_document_says(api, place_order, document):
    order_id = place_order(abc123=1)["id"]

    past = api.get(f"/api/v1/orders/{order_id}?version=1").json()

    assert past.keys() == document["components"]["schemas"]["PastOrder"]["properties"].keys()


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


@pytest.mark.parametrize("label", WEBHOOK_ROUTES)
def test_a_route_of_webhooks_answers_only_what_the_document_says(label, storefront: Storefront, stock):
    def ready() -> str:
        WebhookEndpoint.objects.all().delete()
        endpoint, _ = create_endpoint(
            storefront.pk, source="/storefronts/au", url="https://hooks.example.com/", by="system:test"
        )
        return str(endpoint.pk)

    statuses = _ask(label, storefront, stock, ready, EXAMPLES_OF_EACH["routes"])

    assert all(status < 500 for status in statuses)
    # A random event id is of no event.
    assert any(status < 300 for status in statuses) == (not label.endswith("{event_id}"))


def _ask(label: str, storefront: Storefront, stock: Any, ready: Callable[[], str], examples: int) -> set[int]:
    """The statuses of the answers; `ready` makes an order, or an endpoint, that can be asked for."""
    _, key = make_key(storefront, name="schemathesis", scopes=list(Scope))
    stock(abc123=1_000_000_000)
    schema = schemathesis.openapi.from_wsgi(SCHEMA_PATH, application)
    operation = schema.find_operation_by_label(label)
    assert operation is not None
    is_batch = label == "POST /api/v1/orders/batch"
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
            headers={"X-API-Key": key, "Accept-Encoding": "identity"},
            # JSON Schema cannot say that sums add up or that a country exists.
            excluded_checks=[positive_data_acceptance, *([negative_data_rejection] if is_batch else [])],
        )
        if is_batch and case.meta and case.meta.is_negative_at(ParameterLocation.BODY) and response.status_code < 400:
            # One wrong order does not end the others: it is refused in its own result.
            assert any(result["status"] >= 400 for result in response.json()["results"])
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
