"""Who gets in: keys, their scopes, and that another storefront's orders do not exist."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from events.models import Event
from events.webhooks.endpoints import create_endpoint
from events.webhooks.models import WebhookDelivery, WebhookEndpoint
from inventory_client.models import Stock
from orders.api import urls
from orders.api.authentication import remembered_keys
from orders.api.keys import make_key, revoke_key
from orders.models import ApiKey, Order, Storefront
from orders.rules.lifecycle import OPERATIONS, Operation
from orders.rules.scopes import Scope
from tests.base import perform
from tests.orders.asking import everything, sell
from tests.orders.examples import EXAMPLES, ready_for
from tests.orders.refusals import assert_nothing_happened, assert_refused

ORDER = {"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}
FIRST_VERSION_ORDER = {"customerId": "cus123", "items": [{"productId": "cup", "quantity": 1}]}
SOME_ID = "01a2068a-33c2-75f8-9a09-a014ce1a34b0"
# The scope each operation needs, literally.
SCOPES = {
    "confirm": Scope.ORDERS_WRITE,
    "extend": Scope.ORDERS_WRITE,
    "amend": Scope.ORDERS_WRITE,
    "pack": Scope.SHIPMENTS_WRITE,
    "ship": Scope.SHIPMENTS_WRITE,
    "track": Scope.SHIPMENTS_WRITE,
    "deliver": Scope.SHIPMENTS_WRITE,
    "complete": Scope.SHIPMENTS_WRITE,
    "undo_shipment": Scope.SHIPMENTS_WRITE,
    "undo_delivery": Scope.SHIPMENTS_WRITE,
    "undo_completion": Scope.SHIPMENTS_WRITE,
    "cancel": Scope.ORDERS_WRITE,
    "reinstate": Scope.ORDERS_WRITE,
    "change_customer": Scope.ORDERS_WRITE,
    "record_payment": Scope.PAYMENTS_WRITE,
    "request_refund": Scope.REFUNDS_WRITE,
    "approve_refund": Scope.REFUNDS_APPROVE,
    "reject_refund": Scope.REFUNDS_APPROVE,
    "fail_refund": Scope.PAYMENTS_WRITE,
    "correct_payment": Scope.PAYMENTS_WRITE,
    "close_return": Scope.RETURNS_WRITE,
    "request_return": Scope.RETURNS_WRITE,
    "approve_return": Scope.RETURNS_WRITE,
    "reject_return": Scope.RETURNS_WRITE,
    "receive_return": Scope.RETURNS_WRITE,
    "comment": Scope.ORDERS_WRITE,
    "hold": Scope.ORDERS_WRITE,
    "release_hold": Scope.ORDERS_WRITE,
    "restore": Scope.ORDERS_DELETE,
}
WEBHOOKS: dict[tuple[str, str], Any] = {
    ("get", "/api/v1/webhooks"): None,
    ("post", "/api/v1/webhooks"): {"url": "https://hooks.example.com/orders"},
    ("get", "/api/v1/webhooks/{id}"): None,
    ("patch", "/api/v1/webhooks/{id}"): {"ordered": True},
    ("delete", "/api/v1/webhooks/{id}"): None,
    ("post", "/api/v1/webhooks/{id}/rotate"): {"overlap_hours": 1},
    ("post", "/api/v1/webhooks/{id}/test"): None,
    ("get", "/api/v1/webhooks/{id}/deliveries"): None,
    ("get", "/api/v1/webhooks/{id}/deliveries/{id}"): None,
    ("post", "/api/v1/webhooks/{id}/redeliver"): {"since": "2026-11-23T00:00:00Z"},
}
OPERATION_PATHS = {f"/api/v1/orders/{{id}}/{operation}": operation for operation in SCOPES}
# Every route of one scope that there is, what it takes, and the scope it needs.
ROUTES: dict[tuple[str, str], tuple[Any, Scope]] = {
    ("post", "/api/v1/orders"): (ORDER, Scope.ORDERS_WRITE),
    ("post", "/api/v1/orders/batch"): ({"orders": [ORDER]}, Scope.ORDERS_WRITE),
    ("get", "/api/v1/events"): (None, Scope.ORDERS_READ),
    ("get", "/api/v1/orders"): (None, Scope.ORDERS_READ),
    ("get", "/api/v1/orders/requested"): (None, Scope.ORDERS_READ),
    ("get", "/api/v1/orders/{id}"): (None, Scope.ORDERS_READ),
    ("patch", "/api/v1/orders/{id}"): ({"note": "x"}, Scope.ORDERS_WRITE),
    ("delete", "/api/v1/orders/{id}"): (None, Scope.ORDERS_DELETE),
    ("get", "/api/v1/orders/{id}/actions"): (None, Scope.ORDERS_READ),
    ("get", "/api/v1/orders/{id}/timeline"): (None, Scope.ORDERS_READ),
    ("post", "/api/v1/customers/export"): ({"customer_id": "cus123"}, Scope.CUSTOMERS_ERASE),
    ("post", "/api/v1/customers/erase"): ({"customer_id": "cus123"}, Scope.CUSTOMERS_ERASE),
    **{("post", path): (EXAMPLES[name].body, SCOPES[name]) for path, name in OPERATION_PATHS.items()},
    **{route: (body, Scope.WEBHOOKS_WRITE) for route, body in WEBHOOKS.items()},
    ("post", "/order/create"): (FIRST_VERSION_ORDER, Scope.ORDERS_WRITE),
    ("get", "/order/{id}"): (None, Scope.ORDERS_READ),
    ("put", "/order/update/{id}"): ({"status": "canceled"}, Scope.ORDERS_WRITE),
    ("delete", "/order/delete/{id}"): (None, Scope.ORDERS_DELETE),
}
OF_ONE_ORDER = [route for route in ROUTES if "{id}" in route[1] and route not in WEBHOOKS]
# Which scope is needed stands in its body.
BULK = ("post", "/api/v1/orders/bulk")
BULK_BODY = {"operation": "confirm", "ids": [SOME_ID]}


def send(client: Client, method: str, path: str, order_id: str = SOME_ID) -> Any:
    body, _ = (BULK_BODY, None) if (method, path) == BULK else ROUTES[method, path]
    return getattr(client, method)(path.format(id=order_id), body, content_type="application/json")


def make_webhook(storefront: Storefront, some_id: str) -> None:
    """An endpoint of that id, and a delivery to it of an event of the same id."""
    create_endpoint(storefront.pk, source="/storefronts/au", url="https://other.example.com/", by="system:test")
    WebhookEndpoint.objects.update(id=some_id)
    WebhookDelivery.objects.create(
        endpoint_id=some_id, event_id=some_id, storefront_id=storefront.pk, stream_id=some_id, sequence=1, test=True
    )


def _served_routes() -> set[tuple[str, str]]:
    """Method and path of every route of the orders package, from the resolver that serves them."""
    found: set[tuple[str, str]] = set()

    def visit(patterns: list[Any], prefix: str) -> None:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                visit(pattern.url_patterns, path)
            elif isinstance(pattern, URLPattern):
                actions = getattr(pattern.callback, "actions", None)
                view = getattr(pattern.callback, "cls", None) or pattern.callback
                methods = actions or [m for m in ("get", "post", "put", "patch", "delete") if hasattr(view, m)]
                clean = (
                    path.replace("<str:pk>", "{id}")
                    .replace("<str:order_id>", "{id}")
                    .replace("<str:event_id>", "{id}")
                    .replace("<pk>", "{id}")
                )
                found.update((method, "/" + clean) for method in methods if method != "head")

    visit(urls.urlpatterns, "")
    return found


def test_no_route_is_missing_in_the_table_these_tests_are_drawn_from():
    assert get_resolver().url_patterns
    assert _served_routes() == {*ROUTES, BULK}
    assert {name: OPERATIONS[Operation(name)].scope for name in SCOPES} == SCOPES


@pytest.mark.parametrize(("method", "path"), [*ROUTES, BULK])
def test_without_a_key_nothing_is_answered(storefront, stock, method, path):
    stock(cup=10)

    response = send(Client(), method, path)

    assert_refused(response, 401, "missing_api_key")
    assert response.headers["WWW-Authenticate"] == "Api-Key"
    assert_nothing_happened()


# Of the operations, which are all behind one kind of view, one stands for all.
@pytest.mark.parametrize(
    ("method", "path"), [*(route for route in ROUTES if route[1] not in list(OPERATION_PATHS)[1:]), BULK]
)
def test_a_key_that_is_not_good_is_refused_everywhere(storefront, stock, method, path):
    stock(cup=10)
    _, expired = make_key(storefront, name="old", scopes=list(Scope), expires_at=timezone.now() - timedelta(seconds=1))
    key, revoked = make_key(storefront, name="gone", scopes=list(Scope))
    revoke_key(key)
    _, good = make_key(storefront, name="good", scopes=list(Scope))

    for bad in (
        expired,
        revoked,
        good[:-1],
        good + "x",
        good.swapcase(),
        good.partition(".")[0] + ".",
        "." + good.partition(".")[2],
        "nonsense",
        "a.b",
        "\x00.\x00",
        good + "\x00",
        "Zoë.Zoë",
        "k" * 1_000_000,
    ):
        for headers in ({"X-API-Key": bad}, {"Authorization": f"Api-Key {bad}"}):
            response = send(Client(headers=headers), method, path)

            assert_refused(response, 401, "invalid_api_key")
            assert good not in response.content.decode()
    assert_nothing_happened()


@pytest.mark.parametrize("header", ["Bearer x.y", "Basic eDp5", "Api-Key", "Api-Key ", ""])
def test_another_way_to_sign_in_is_no_key(storefront, header):
    assert_refused(Client(headers={"Authorization": header}).get("/api/v1/orders"), 401, "missing_api_key")


def test_a_key_may_come_in_either_header(storefront):
    _, key = make_key(storefront, name="k", scopes=list(Scope))

    for headers in ({"X-API-Key": key}, {"Authorization": f"Api-Key {key}"}, {"Authorization": f"api-key {key}"}):
        assert Client(headers=headers).get("/api/v1/orders").status_code == 200


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_route_needs_its_scope_and_no_other_does(storefront, client_of, api, method, path):
    order = sell(api)
    if path in OPERATION_PATHS:
        ready_for(OPERATION_PATHS[path], order["id"])
    if (method, path) in WEBHOOKS:
        make_webhook(storefront, order["id"])
    _, needed = ROUTES[method, path]
    others = [scope for scope in Scope if scope != needed]

    _, key = make_key(storefront, name="none", scopes=[])
    nothing = send(Client(headers={"X-API-Key": key}), method, path, order["id"])
    refused = send(client_of(storefront, *others), method, path, order["id"])
    orders_then = Order.all_objects.count()
    served = send(client_of(storefront, needed), method, path, order["id"])

    assert_refused(nothing, 403, "missing_scope")
    assert needed.value in assert_refused(refused, 403, "missing_scope")["detail"]
    assert orders_then == 1
    assert served.status_code < 300


@pytest.mark.parametrize(("method", "path"), OF_ONE_ORDER)
def test_the_order_of_another_storefront_does_not_exist(client_of, other_storefront, place_order, api, method, path):
    order = place_order(cup=1)

    response = send(client_of(other_storefront), method, path, order["id"])

    problem = assert_refused(response, 404, "order_not_found")
    missing = assert_refused(send(client_of(other_storefront), method, path), 404, "order_not_found")
    assert problem["detail"].replace(order["id"], "") == missing["detail"].replace(SOME_ID, "")
    assert api.get(f"/api/v1/orders/{order['id']}").json() == order
    assert Event.objects.count() == 1
    assert Stock.objects.get(pk="cup").reserved == 1


@pytest.mark.parametrize("path", OPERATION_PATHS)
def test_the_order_of_another_storefront_stays_as_it_was_where_the_operation_were_possible(
    client_of, other_storefront, api, path
):
    order_id = sell(api)["id"]
    ready_for(OPERATION_PATHS[path], order_id)
    foreign = client_of(other_storefront)
    before = everything()

    for headers in ({}, {"Prefer": "dry-run"}, {"Idempotency-Key": "key-1"}, {"If-Match": '"1"'}):
        body, _ = ROUTES["post", path]
        response = foreign.post(path.format(id=order_id), body, content_type="application/json", headers=headers)
        assert_refused(response, 404, "order_not_found")
    bulk = {"operation": OPERATION_PATHS[path], "ids": [order_id], "arguments": body}
    (result,) = foreign.post("/api/v1/orders/bulk", bulk, content_type="application/json").json()["results"]

    assert (result["status"], result["error"]["code"]) == (404, "order_not_found")
    assert everything() == before


@pytest.mark.parametrize("path", OPERATION_PATHS)
def test_a_scope_that_is_missing_is_told_before_anything_of_the_body_is_read(storefront, client_of, api, path):
    order = sell(api)
    _, needed = ROUTES["post", path]
    client = client_of(storefront, *[scope for scope in Scope if scope != needed])
    before = everything()

    for order_id in (order["id"], SOME_ID, "nope"):
        for body, content_type in ((b"{not json", "application/json"), (b"colour=red", "text/plain")):
            response = client.generic(
                "POST",
                path.format(id=order_id),
                body,
                content_type=content_type,
                headers={"If-Match": "nonsense", "Idempotency-Key": "not one"},
            )

            problem = assert_refused(response, 403, "missing_scope")
            assert (problem["operation"], problem["needs"]) == (OPERATION_PATHS[path], needed)
    assert everything() == before


@pytest.mark.parametrize(("method", "path"), OF_ONE_ORDER)
def test_without_the_scope_an_order_that_is_there_is_refused_as_one_that_is_not(
    storefront, client_of, place_order, method, path
):
    body, needed = ROUTES[method, path]
    client = client_of(storefront, *[scope for scope in Scope if scope != needed])
    there, deleted = place_order(cup=1)["id"], place_order(cup=1)["id"]
    perform("delete", deleted)
    before = everything()

    for headers in ({}, {"If-Match": '"7"'}, {"If-None-Match": '"1"'}, {"Idempotency-Key": "key-1"}):
        answers = []
        for order_id in (there, deleted, SOME_ID):
            address = path.format(id=order_id)
            response = getattr(client, method)(address, body, content_type="application/json", headers=headers)
            problem = assert_refused(response, 403, "missing_scope")
            answers.append({**problem, "request_id": "", "instance": problem["instance"].replace(order_id, "")})
            assert "ETag" not in response.headers
        assert answers[0] == answers[1] == answers[2]
    assert everything() == before


def test_several_orders_need_the_scope_of_what_is_done_to_them(storefront, client_of, api):
    order = sell(api)
    client = client_of(storefront, Scope.ORDERS_WRITE)
    before = everything()

    for operation, needed in (("record_payment", "payments:write"), ("delete", "orders:delete")):
        body: dict[str, Any] = {"operation": operation, "ids": [order["id"]]}
        if operation == "record_payment":
            body["arguments"] = EXAMPLES[operation].body
        (result,) = client.post("/api/v1/orders/bulk", body, content_type="application/json").json()["results"]
        assert (result["status"], result["error"]["code"], result["error"]["needs"]) == (403, "missing_scope", needed)
    assert everything() == before


def test_lists_show_only_the_orders_of_the_key_s_storefront(api, client_of, other_storefront, place_order):
    order = place_order(cup=1)
    foreign = client_of(other_storefront)

    for query in ("", f"?number={order['number']}", "?customer_id=cus123", "?status=pending"):
        assert foreign.get(f"/api/v1/orders{query}").json()["results"] == []
        assert len(api.get(f"/api/v1/orders{query}").json()["results"]) == 1


def test_a_revoked_key_works_at_most_as_long_as_it_is_remembered(storefront, settings):
    key, secret = make_key(storefront, name="k", scopes=list(Scope))
    client = Client(headers={"X-API-Key": secret})
    settings.API_KEY_CACHE_SECONDS = 3600
    assert client.get("/api/v1/orders").status_code == 200
    ApiKey.objects.filter(pk=key.pk).update(revoked=True)  # by another process

    remembered = client.get("/api/v1/orders")
    settings.API_KEY_CACHE_SECONDS = 0
    remembered_keys.clear()
    first, second = client.get("/api/v1/orders"), client.get("/api/v1/orders")

    assert remembered.status_code == 200
    assert_refused(first, 401, "invalid_api_key")
    assert_refused(second, 401, "invalid_api_key")


def test_with_nothing_remembered_a_key_revoked_elsewhere_stops_at_once(storefront, settings):
    settings.API_KEY_CACHE_SECONDS = 0
    key, secret = make_key(storefront, name="k", scopes=list(Scope))
    client = Client(headers={"X-API-Key": secret})
    assert client.get("/api/v1/orders").status_code == 200

    ApiKey.objects.filter(pk=key.pk).update(revoked=True)

    assert_refused(client.get("/api/v1/orders"), 401, "invalid_api_key")


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("api_keys", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue().strip()


def status(key: str) -> int:
    return Client(headers={"X-API-Key": key}).get("/api/v1/orders").status_code


def test_the_command_makes_rotates_and_revokes_keys(storefront):
    key = run("create", "au", "--scopes", "orders:read", "--name", "shop")
    assert status(key) == 200

    successor = run("rotate", key.partition(".")[0], "--overlap-hours", "1")
    assert (status(key), status(successor)) == (200, 200)
    assert ApiKey.objects.get(prefix=successor.partition(".")[0]).scopes == ["orders:read"]

    run("revoke", successor.partition(".")[0])
    assert (status(key), status(successor)) == (200, 401)

    run("rotate", key.partition(".")[0], "--overlap-hours", "0")
    assert status(key) == 401


def test_a_key_is_stored_only_as_its_hash_and_listed_without_its_secret(storefront):
    key = run("create", "au", "--days", "30")

    listed = run("list", "--storefront", "au")

    assert key.partition(".")[0] in listed
    assert key.partition(".")[2] not in listed
    assert key.partition(".")[2] not in str(ApiKey.objects.values())


@pytest.mark.parametrize(
    "arguments", [("create", "xx"), ("create", "au", "--scopes", "all"), ("rotate", "nope"), ("revoke", "nope")]
)
def test_the_command_says_what_it_cannot_do(storefront, arguments):
    with pytest.raises(CommandError, match=r"\.$"):
        run(*arguments)

    assert ApiKey.objects.count() == 0
