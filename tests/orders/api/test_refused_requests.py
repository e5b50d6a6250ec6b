"""Requests that are refused for their method, headers, address or parameters, before any body matters."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from orders.models import Order
from tests.orders.asking import everything
from tests.orders.refusals import assert_nothing_happened, assert_refused

SOME_ID = "01a2068a-33c2-75f8-9a09-a014ce1a34b0"
GOOD = b'{"customer_id": "cus123", "items": [{"product_id": "cup", "quantity": 1}]}'
WITH_BODY = [
    ("POST", "/api/v1/orders"),
    ("POST", "/api/v1/orders/batch"),
    ("PATCH", f"/api/v1/orders/{SOME_ID}"),
    ("POST", "/order/create"),
    ("PUT", f"/order/update/{SOME_ID}"),
]
ALLOWED = {
    "/api/v1/orders": {"GET", "POST", "HEAD", "OPTIONS"},
    "/api/v1/orders/batch": {"POST", "OPTIONS"},
    f"/api/v1/orders/{SOME_ID}": {"GET", "PATCH", "DELETE", "HEAD", "OPTIONS"},
    "/order/create": {"POST", "OPTIONS"},
    f"/order/{SOME_ID}": {"GET", "HEAD", "OPTIONS"},
    f"/order/update/{SOME_ID}": {"PUT", "OPTIONS"},
    f"/order/delete/{SOME_ID}": {"DELETE", "OPTIONS"},
}
NO_IDS = [
    "nope",
    "1",
    SOME_ID[:-1],
    SOME_ID + "0",
    SOME_ID.replace("-", ""),
    "{" + SOME_ID + "}",
    "urn:uuid:" + SOME_ID,
    "%00",
    SOME_ID + "%00",
    "%ED%A0%80",
    "%FF%FE",
    "٠" * 8 + "-33c2-75f8-9a09-a014ce1a34b0",
    "'; drop table orders_order; --",
    "a" * 5000,
]
TAGS_OF_NO_VERSION = [
    'w/"1"',
    "W/1",
    "1",
    '"1", "2"',
    '"x"',
    '"',
    '""',
    '"1',
    '"-1"',
    '"1.0"',
    "null",
    '"' + "9" * 400 + '"',
    '"\x00"',
    '"1"\x00',
]


def send(client: Client, method: str, path: str, body: bytes = GOOD, **headers: Any) -> Any:
    content_type = headers.pop("content_type", "application/json")
    return client.generic(method, path, body, content_type=content_type, headers=headers)


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_a_body_of_5_megabytes_is_refused_unread(api, stock, method, path):
    stock(cup=10)

    response = send(api, method, path, b'{"note": "' + b"x" * 5_000_000 + b'"}')

    assert_refused(response, 413, "body_too_large")
    assert_nothing_happened()


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "json",
        "\x00",
    ],
)
def test_only_json_is_read(api, stock, content_type):
    stock(cup=10)

    for method, path in WITH_BODY:
        response = send(api, method, path, content_type=content_type)

        assert_refused(response, 415, "unsupported_media_type")
    assert_nothing_happened()


def test_a_body_without_a_content_type_is_refused(api, stock):
    stock(cup=10)

    response = send(api, "POST", "/api/v1/orders", content_type="")

    assert_refused(response, 415, "unsupported_media_type")
    assert_nothing_happened()


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_say_its_charset_and_be_written_in_capitals(api, stock, content_type):
    stock(cup=10)

    response = send(api, "POST", "/api/v1/orders", content_type=content_type)

    assert response.status_code == 201


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*"])
def test_only_json_is_answered(api, stock, accept):
    stock(cup=10)

    for method, path in [*WITH_BODY, ("GET", "/api/v1/orders"), ("GET", f"/order/{SOME_ID}")]:
        response = send(api, method, path, Accept=accept)

        assert_refused(response, 406, "not_acceptable")
    assert_nothing_happened()


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, application/json;q=0.9", "application/*"])
def test_json_is_answered_to_whoever_takes_it_at_all(api, accept):
    assert api.get("/api/v1/orders", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize("path", ALLOWED)
def test_a_method_the_address_does_not_have_is_refused_and_the_others_are_named(api, stock, path):
    stock(cup=10)

    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - ALLOWED[path]:
        response = send(api, method, path)

        assert_refused(response, 405, "method_not_allowed")
        assert {name.strip() for name in response.headers["Allow"].split(",")} == ALLOWED[path]
    assert_nothing_happened()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/orders/{}"),
        ("PATCH", "/api/v1/orders/{}"),
        ("DELETE", "/api/v1/orders/{}"),
        ("GET", "/order/{}"),
        ("PUT", "/order/update/{}"),
        ("DELETE", "/order/delete/{}"),
    ],
)
def test_what_is_no_uuid_is_no_order(api, method, path):
    for no_id in [*NO_IDS, SOME_ID]:
        response = send(api, method, path.format(no_id), b"{}")

        assert_refused(response, 404, "order_not_found")


@pytest.mark.parametrize("path", ["/order/a/b", "/api/v1/order", "/api/v1/orders/", "/nothing", "/%00", "/%ED%A0%80"])
def test_an_address_that_is_none_gets_a_problem_too(api, path):
    assert_refused(api.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("key", "good"),
    [
        ("", False),
        (" ", False),
        ("a b", False),
        ("Zoë", False),
        ("a\x00b", False),
        ("k" * 256, False),
        ("k" * 10_000_000, False),
        ('""', True),
        ("k" * 255, True),
        ('"quoted"', True),
    ],
    ids=["empty", "a space", "two words", "Latin-1", "NUL", "256", "10 MB", "two quotes", "255", "quoted"],
)
@pytest.mark.parametrize("path", ["/api/v1/orders", "/api/v1/orders/batch", "/order/create"])
def test_an_idempotency_key_is_1_to_255_visible_characters(api, stock, path, key, good):
    stock(cup=10)
    body = {
        "/api/v1/orders": GOOD,
        "/api/v1/orders/batch": b'{"orders": [' + GOOD + b"]}",
        "/order/create": b'{"customerId": "cus123", "items": [{"productId": "cup", "quantity": 1}]}',
    }[path]

    response = send(api, "POST", path, body, **{"Idempotency-Key": key})

    if good:
        assert response.status_code in (200, 201)
        assert Order.objects.count() == 1
    else:
        problem = assert_refused(response, 400, "validation_error")
        assert problem["errors"][0]["pointer"] == "Idempotency-Key"
        assert_nothing_happened()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/api/v1/orders/{}"),
        ("DELETE", "/api/v1/orders/{}"),
        ("PUT", "/order/update/{}"),
        ("DELETE", "/order/delete/{}"),
    ],
)
def test_an_if_match_that_no_version_could_have_is_refused_and_not_ignored(api, place_order, method, path):
    order = place_order(cup=1)

    for tag in TAGS_OF_NO_VERSION:
        response = send(api, method, path.format(order["id"]), b"{}", **{"If-Match": tag})

        problem = assert_refused(response, 400, "validation_error")
        assert problem["errors"][0]["pointer"] == "If-Match"
    assert api.get(f"/api/v1/orders/{order['id']}").json() == order


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ("cursor=nope", "cursor", "invalid_cursor"),
        ("cursor=", "cursor", "invalid_cursor"),
        ("cursor=%00", "cursor", "invalid_cursor"),
        ("cursor=%ED%A0%80", "cursor", "invalid_cursor"),
        ("cursor=" + "A" * 23, "cursor", "invalid_cursor"),
        ("cursor=" + "A" * 5000, "cursor", "invalid_cursor"),
        ("limit=0", "limit", "out_of_range"),
        ("limit=-1", "limit", "out_of_range"),
        ("limit=201", "limit", "out_of_range"),
        ("limit=1.5", "limit", "out_of_range"),
        ("limit=ten", "limit", "out_of_range"),
        ("limit=", "limit", "out_of_range"),
        ("limit=%00", "limit", "out_of_range"),
        ("limit=٣", "limit", "out_of_range"),
        ("limit=²", "limit", "out_of_range"),
        ("limit=" + "9" * 5000, "limit", "out_of_range"),
        ("limit=000000200999", "limit", "out_of_range"),
        ("ordering=total_amount", "ordering", "not_a_choice"),
        ("ordering=", "ordering", "not_a_choice"),
        ("ordering=placed_at,-placed_at", "ordering", "not_a_choice"),
        ("status=lost", "status", "invalid_filter"),
        ("status=%00", "status", "invalid_filter"),
        ("customer_id=%00", "customer_id", "invalid_filter"),
        ("external_reference=a%00", "external_reference", "invalid_filter"),
        ("number=%00", "number", "invalid_filter"),
        ("placed_after=yesterday", "placed_after", "invalid_filter"),
        ("placed_before=2026-13-01", "placed_before", "invalid_filter"),
        ("placed_before=%00", "placed_before", "invalid_filter"),
        ("customer_id=", "customer_id", "empty_parameter"),
        ("status=pending&status=", "status", "empty_parameter"),
        ("status=pending&status=lost", "status", "invalid_filter"),
        ("customer_id=a&customer_id=b", "customer_id", "doubled_parameter"),
        ("limit=1&limit=2", "limit", "doubled_parameter"),
        ("cursor=a&cursor=b", "cursor", "doubled_parameter"),
        ("page=2", "page", "unknown_parameter"),
        ("offset=10", "offset", "unknown_parameter"),
        ("storefront=nz", "storefront", "unknown_parameter"),
        ("storefront_id=1", "storefront_id", "unknown_parameter"),
        ("customer_id__contains=c", "customer_id__contains", "unknown_parameter"),
        ("format=xml", "format", "unknown_parameter"),
        ("format=json", "format", "unknown_parameter"),
        ("%00=1", "\x00", "unknown_parameter"),
    ],
)
def test_a_list_says_which_parameter_is_wrong(api, query, parameter, code):
    response = api.get(f"/api/v1/orders?{query}")

    problem = assert_refused(response, 400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(parameter, code)]


def test_several_statuses_mean_any_of_them(api, place_order):
    pending, confirmed, canceled = (place_order(cup=1)["id"] for _ in range(3))
    api.post(f"/api/v1/orders/{confirmed}/confirm", {}, content_type="application/json")
    api.post(f"/api/v1/orders/{canceled}/cancel", {}, content_type="application/json")

    page = api.get("/api/v1/orders?status=pending&status=canceled&limit=1").json()
    rest = api.get(page["next"]).json()

    assert [order["id"] for order in page["results"] + rest["results"]] == [canceled, pending]


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("POST", "", "reason"),
        ("POST", "/batch", "reason"),
        ("POST", "/bulk", "reason"),
        ("GET", "/{id}", "version"),
        ("GET", "/{id}/timeline", "before, limit"),
        ("GET", "/{id}/actions", "none"),
        ("PATCH", "/{id}", "reason"),
        ("DELETE", "/{id}", "reason"),
        ("POST", "/{id}/confirm", "reason"),
    ],
)
def test_a_parameter_that_a_route_does_not_have_is_refused_and_nothing_done(api, place_order, method, path, known):
    order = place_order(cup=1)
    before = everything()

    response = api.generic(
        method, f"/api/v1/orders{path}?dry_run=1".replace("{id}", order["id"]), GOOD, content_type="application/json"
    )

    problem = assert_refused(response, 400, "validation_error")
    assert problem["errors"] == [
        {
            "pointer": "dry_run",
            "code": "unknown_parameter",
            "detail": f"There is no such parameter; known: {known}",
        }
    ]
    assert everything() == before


def test_the_first_version_passes_over_parameters_it_does_not_know(api, place_order):
    order = place_order(cup=1)

    assert api.get(f"/order/{order['id']}?_=1700000000").status_code == 200
    assert api.delete(f"/order/delete/{order['id']}?_=1700000000").status_code == 200


def test_a_reason_that_comes_twice_is_refused(api, place_order):
    order = place_order(cup=1)

    problem = assert_refused(api.delete(f"/api/v1/orders/{order['id']}?reason=a&reason=b"), 400, "validation_error")

    assert [error["pointer"] for error in problem["errors"]] == ["reason"]
    assert api.get(f"/api/v1/orders/{order['id']}").json() == order


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00%2B14:00", "1969-12-31T23:59:59Z"])
def test_every_order_was_placed_after_a_moment_long_gone_and_none_before(api, place_order, moment):
    order = place_order(cup=1)

    assert [found["id"] for found in api.get(f"/api/v1/orders?placed_after={moment}").json()["results"]] == [
        order["id"]
    ]
    assert api.get(f"/api/v1/orders?placed_before={moment}").json()["results"] == []


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"])
def test_every_order_was_placed_before_the_end_of_time(api, place_order, moment):
    order = place_order(cup=1)

    assert [found["id"] for found in api.get(f"/api/v1/orders?placed_before={moment}").json()["results"]] == [
        order["id"]
    ]
    assert api.get(f"/api/v1/orders?placed_after={moment}").json()["results"] == []


def test_a_query_of_a_thousand_and_one_parameters_is_refused(api):
    response = api.get("/api/v1/orders?" + "&".join(f"p{n}=1" for n in range(1001)))

    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")


def test_a_format_in_the_query_changes_nothing_where_it_is_passed_over(api, place_order):
    order = place_order(cup=1)

    response = api.get(f"/order/{order['id']}?format=xml")

    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")


def test_nothing_in_a_request_id_reaches_the_log_or_the_event_unseen(api, stock):
    stock(cup=10)
    headers: dict[str, Any] = {"X-Request-ID": "a\nb\x00" * 1000, "traceparent": "00-\x00"}

    response = send(api, "POST", "/api/v1/orders", **headers)

    assert response.status_code == 201
    assert len(response.headers["X-Request-ID"]) == 32
