"""The reference CustomerService keeps its contract."""

import pytest
import schemathesis
import urllib3
import yaml
from hypothesis import HealthCheck, settings

from customer_client.server import OPENAPI, application

schema = schemathesis.openapi.from_wsgi("/openapi.yaml", application)


@pytest.fixture
def ask(customers):
    """Asks the running server for a path."""

    def get(path, method="GET", **headers):
        return urllib3.request(method, customers.url + path, headers=headers, retries=False)

    return get


def test_everybody_is_known_but_those_on_the_list(ask):
    known, unknown = ask("/customers/cus123?storefront=au"), ask("/customers/zyx-321?storefront=au")

    assert (known.status, known.json()) == (200, {"customer_id": "cus123", "active": True})
    assert (unknown.status, unknown.json()["code"]) == (404, "customer_unknown")


@pytest.mark.parametrize(
    "path",
    [
        "/customers/c",
        "/customers/c?storefront=",
        "/customers/c?storefront=A%20U",
        "/customers/c?storefront=au&x=1",
        f"/customers/{'c' * 201}?storefront=au",
        "/customers/%FF?storefront=au",
    ],
)
def test_what_cannot_be_meant_is_refused(ask, path):
    refused = ask(path)

    assert (refused.status, refused.json()["code"]) == (400, "malformed_request")


def test_asks_for_the_token(ask, settings):
    settings.CUSTOMER_TOKEN = "s3cret"

    without = ask("/customers/cus123?storefront=au")
    wrong = ask("/customers/cus123?storefront=au", Authorization="Bearer other")
    right = ask("/customers/cus123?storefront=au", Authorization="Bearer s3cret")

    assert [(answer.status, answer.headers.get("WWW-Authenticate")) for answer in (without, wrong, right)] == [
        (401, "Bearer"),
        (401, "Bearer"),
        (200, None),
    ]
    assert ask("/healthz").data == b"ok"


def test_serves_its_contract(ask):
    assert ask("/openapi.yaml").data == OPENAPI.read_bytes()
    assert yaml.safe_load(OPENAPI.read_text())["info"]["title"] == "CustomerService"


def test_other_paths_and_methods_are_problems(ask):
    for path in ("/customers/", "/customers", "/", "/other"):
        assert (ask(path).status, ask(path).json()["code"]) == (404, "path_unknown")
    refused = ask("/customers/c", method="DELETE")
    assert (refused.status, refused.json()["code"], refused.headers["Allow"]) == (405, "method_not_allowed", "GET")


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_server_keeps_its_contract_whatever_it_is_sent(case):
    case.call_and_validate(excluded_checks=[])
