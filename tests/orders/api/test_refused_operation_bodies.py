"""Bodies that no operation takes: each is refused with where it is wrong, and the order stays as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.base import perform
from tests.orders.asking import ask, done, everything, item_ids, read, sell
from tests.orders.examples import EXAMPLES, ready_for
from tests.orders.refusals import assert_refused

ID = "01a2068a-33c2-75f8-9a09-a014ce1a34b0"
UNITS = [{"item_id": ID, "quantity": 1}]

# Wrong for every operation.
WRONG_FOR_ALL: dict[str, tuple[Any, str, str]] = {
    # name: (body, pointer, code)
    "an array": ([], "", "wrong_type"),
    "a text": ("confirm", "", "wrong_type"),
    "null": (None, "", "wrong_type"),
    "an unknown field": ({"colour": "red"}, "/colour", "unknown_field"),
    "the version": ({"version": 1}, "/version", "unknown_field"),
    "the status": ({"status": "shipped"}, "/status", "unknown_field"),
    "a reason that is a number": ({"reason": 5}, "/reason", "wrong_type"),
    "a reason that is null": ({"reason": None}, "/reason", "wrong_type"),
    "a reason that is too long": ({"reason": "r" * 501}, "/reason", "out_of_range"),
    "a reason with a NUL": ({"reason": "n\0l"}, "/reason", "nul_character"),
}

_PAYMENT = {"kind": "capture", "amount": 1, "psp_reference": "x"}
_ITEM = {"product_id": "cup", "quantity": 1, "unit_amount": 1}
WRONG: list[tuple[str, Any, str, str]] = [
    # operation, body, pointer, code
    ("amend", {}, "/items", "required"),
    ("amend", {"items": []}, "/items", "out_of_range"),
    ("amend", {"items": None}, "/items", "wrong_type"),
    ("amend", {"items": {}}, "/items", "wrong_type"),
    ("amend", {"items": [None]}, "/items/0", "wrong_type"),
    ("amend", {"items": [_ITEM] * 501}, "/items", "out_of_range"),
    ("amend", {"items": [{"product_id": "cup"}]}, "/items/0/quantity", "required"),
    ("amend", {"items": [{**_ITEM, "quantity": -1}]}, "/items/0/quantity", "out_of_range"),
    ("amend", {"items": [{**_ITEM, "quantity": 1_000_001}]}, "/items/0/quantity", "out_of_range"),
    ("amend", {"items": [{**_ITEM, "quantity": 2**63}]}, "/items/0/quantity", "out_of_range"),
    ("amend", {"items": [{**_ITEM, "quantity": 1.5}]}, "/items/0/quantity", "wrong_type"),
    ("amend", {"items": [{**_ITEM, "quantity": True}]}, "/items/0/quantity", "wrong_type"),
    ("amend", {"items": [{**_ITEM, "unit_amount": -1}]}, "/items/0/unit_amount", "out_of_range"),
    ("amend", {"items": [{**_ITEM, "unit_amount": 2**53}]}, "/items/0/unit_amount", "out_of_range"),
    ("amend", {"items": [{**_ITEM, "product_id": ""}]}, "/items/0/product_id", "out_of_range"),
    ("amend", {"items": [{**_ITEM, "product_id": "cup\0"}]}, "/items/0/product_id", "wrong_format"),
    ("amend", {"items": [{**_ITEM, "product_id": " cup"}]}, "/items/0/product_id", "wrong_format"),
    ("amend", {"items": [{**_ITEM, "name": "n\0l"}]}, "/items/0/name", "nul_character"),
    ("amend", {"items": [{**_ITEM, "name": "n" * 301}]}, "/items/0/name", "out_of_range"),
    ("amend", {"items": [{**_ITEM, "item_id": "nope"}]}, "/items/0/item_id", "invalid"),
    ("amend", {"items": [{**_ITEM, "canceled": 1}]}, "/items/0/canceled", "unknown_field"),
    ("amend", {"items": [_ITEM], "total_amount": -1}, "/total_amount", "out_of_range"),
    ("amend", {"items": [_ITEM], "total_amount": 2**53}, "/total_amount", "out_of_range"),
    ("amend", {"items": [_ITEM], "currency": "EUR"}, "/currency", "unknown_field"),
    ("ship", {"items": []}, "/items", "out_of_range"),
    ("ship", {"items": [{"item_id": ID}]}, "/items/0/quantity", "required"),
    ("ship", {"items": [{"quantity": 1}]}, "/items/0/item_id", "required"),
    ("ship", {"items": [{"item_id": ID, "quantity": 0}]}, "/items/0/quantity", "out_of_range"),
    ("ship", {"items": UNITS * 501}, "/items", "out_of_range"),
    ("ship", {"shipment_id": "nope"}, "/shipment_id", "invalid"),
    ("ship", {"shipment_id": 1}, "/shipment_id", "wrong_type"),
    ("ship", {"shipped_at": "2026-01-01T00:00:00"}, "/shipped_at", "wrong_type"),
    ("ship", {"shipped_at": "2026-01-01"}, "/shipped_at", "invalid"),
    ("ship", {"shipped_at": 1767225600}, "/shipped_at", "wrong_type"),
    ("ship", {"shipped_at": "2026-02-30T00:00:00Z"}, "/shipped_at", "invalid"),
    ("ship", {"shipped_at": "10000-01-01T00:00:00Z"}, "/shipped_at", "invalid"),
    ("ship", {"packed_at": "yesterday"}, "/packed_at", "invalid"),
    ("ship", {"delivered_at": "2026-01-01T00:00:00Z"}, "/delivered_at", "unknown_field"),
    ("pack", {"items": []}, "/items", "out_of_range"),
    ("pack", {"packed_at": "2026-01-01T00:00:00"}, "/packed_at", "wrong_type"),
    ("pack", {"shipped_at": "2026-01-01T00:00:00Z"}, "/shipped_at", "unknown_field"),
    ("track", {"items": UNITS}, "/items", "unknown_field"),
    ("deliver", {"delivered_at": "2026-01-01T00:00:00"}, "/delivered_at", "wrong_type"),
    ("deliver", {"shipment_id": ""}, "/shipment_id", "invalid"),
    ("cancel", {"items": []}, "/items", "out_of_range"),
    ("cancel", {"items": [{"item_id": ID, "quantity": 1, "cause": "x"}]}, "/items/0/cause", "unknown_field"),
    ("cancel", {"cause": "expired"}, "/cause", "not_a_choice"),
    ("cancel", {"cause": "boredom"}, "/cause", "not_a_choice"),
    ("record_payment", {}, "/kind", "required"),
    ("record_payment", {**_PAYMENT, "kind": "gift"}, "/kind", "not_a_choice"),
    ("record_payment", {**_PAYMENT, "amount": 0}, "/amount", "out_of_range"),
    ("record_payment", {**_PAYMENT, "amount": -1}, "/amount", "out_of_range"),
    ("record_payment", {**_PAYMENT, "amount": 2**53}, "/amount", "out_of_range"),
    ("record_payment", {**_PAYMENT, "amount": 10**40}, "/amount", "out_of_range"),
    ("record_payment", {**_PAYMENT, "amount": "100"}, "/amount", "wrong_type"),
    ("record_payment", {**_PAYMENT, "psp_reference": ""}, "/psp_reference", "out_of_range"),
    ("record_payment", {**_PAYMENT, "psp_reference": "r" * 201}, "/psp_reference", "out_of_range"),
    ("record_payment", {**_PAYMENT, "psp_reference": "r\0"}, "/psp_reference", "wrong_format"),
    ("record_payment", {**_PAYMENT, "psp": "p" * 41}, "/psp", "out_of_range"),
    ("record_payment", {**_PAYMENT, "currency": "A$"}, "/currency", "wrong_format"),
    ("record_payment", {**_PAYMENT, "currency": "\n"}, "/currency", "wrong_format"),
    ("record_payment", {**_PAYMENT, "occurred_at": "2026-01-01T00:00:00"}, "/occurred_at", "wrong_type"),
    ("record_payment", {**_PAYMENT, "refund_id": "nope"}, "/refund_id", "invalid"),
    ("record_payment", {**_PAYMENT, "late": True}, "/late", "unknown_field"),
    ("request_refund", {"amount": 0}, "/amount", "out_of_range"),
    ("request_refund", {"amount": 2**53}, "/amount", "out_of_range"),
    ("request_refund", {"amount": "all"}, "/amount", "wrong_type"),
    ("approve_refund", {"refund_id": "nope"}, "/refund_id", "invalid"),
    ("approve_refund", {"amount": 1}, "/amount", "unknown_field"),
    ("request_return", {}, "/cause", "required"),
    ("request_return", {"cause": "moths"}, "/cause", "not_a_choice"),
    ("request_return", {"cause": "other", "items": []}, "/items", "out_of_range"),
    ("approve_return", {"return_id": 5}, "/return_id", "wrong_type"),
    ("receive_return", {"items": []}, "/items", "out_of_range"),
    ("receive_return", {"items": [{**UNITS[0], "quantity": 0}]}, "/items/0/quantity", "out_of_range"),
    ("receive_return", {"items": [{**UNITS[0], "condition": "eaten"}]}, "/items/0/condition", "not_a_choice"),
    ("receive_return", {"items": [{**UNITS[0], "restock": "yes"}]}, "/items/0/restock", "wrong_type"),
    ("release_hold", {"hold_id": "nope"}, "/hold_id", "invalid"),
]

MALFORMED = {
    "text": b"confirm",
    "half an object": b'{"reason": "',
    "a trailing comma": b'{"reason": "r",}',
    "a raw NUL in a text": b'{"reason": "n\x00l"}',
    "a lone surrogate": b'{"reason": "\\ud800"}',
    "Latin-1": b'{"reason": "\xe9"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "an unknown field that is nested deeply": b'{"deep": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
}


@pytest.mark.parametrize("name", WRONG_FOR_ALL)
def test_what_is_wrong_for_all_is_refused_by_all(api, storefront, name):
    body, pointer, code = WRONG_FOR_ALL[name]
    placed = sell(api)
    before = everything()

    for operation, example in EXAMPLES.items():
        whole = {**example.body, **body} if isinstance(body, dict) else body
        response = api.post(
            f"/api/v1/orders/{placed['id']}/{operation}", json.dumps(whole), content_type="application/json"
        )

        problem = assert_refused(response, 400, "validation_error")
        assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (pointer, code)
    assert everything() == before


@pytest.mark.parametrize("operation", sorted({operation for operation, *_ in WRONG}))
def test_what_an_operation_does_not_take_is_refused(api, storefront, operation):
    order_id = sell(api)["id"]
    ready_for(operation, order_id)
    before = everything()

    for body, pointer, code in [case for name, *case in WRONG if name == operation]:
        problem = assert_refused(ask(api, order_id, operation, **body), 400, "validation_error")
        assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"], body) == (pointer, code, body)

    assert everything() == before


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_not_json_is_refused_by_all(api, storefront, name):
    placed = sell(api)
    before = everything()

    for operation in EXAMPLES:
        path = f"/api/v1/orders/{placed['id']}/{operation}"
        response = api.post(path, MALFORMED[name], content_type="application/json")

        assert response.status_code == 400
        assert response.json()["code"] in ("malformed_json", "validation_error")
    assert everything() == before


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_a_body_that_says_it_is_something_else_is_refused(api, storefront, content_type):
    placed = sell(api)

    response = api.generic("POST", f"/api/v1/orders/{placed['id']}/confirm", b"{}", content_type=content_type)

    assert_refused(response, 415, "unsupported_media_type")
    assert read(api, placed["id"]) == placed


@pytest.mark.parametrize(
    "when",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_far_out_times_never_make_an_order_unreadable(api, storefront, when):
    order_id = sell(api)["id"]
    perform("confirm", order_id)
    cup = {"item_id": item_ids(read(api, order_id))["cup"], "quantity": 1}

    for operation, asked in (  # refused or not: they are no trouble afterwards
        ("pack", {"packed_at": when, "items": [cup]}),
        ("ship", {"shipped_at": when, "packed_at": when, "items": [cup]}),
        ("deliver", {"delivered_at": when}),
        ("record_payment", {"kind": "capture", "amount": 10, "psp_reference": "x", "occurred_at": when}),
    ):
        response = ask(api, order_id, operation, **asked)
        assert response.status_code in (200, 400, 409), response.content

    done(api, order_id, "ship")
    done(api, order_id, "deliver")
    done(api, order_id, "complete")
    for path in ("", "/timeline", "/actions", "?version=3"):
        assert api.get(f"/api/v1/orders/{order_id}{path}").status_code == 200


# Where absence means all there is, or the only one.
MEANT: dict[str, list[str]] = {
    "cancel": ["items", "amount"],
    "pack": ["items", "shipment_id"],
    "ship": ["items", "shipment_id"],
    "track": ["shipment_id"],
    "deliver": ["shipment_id"],
    "undo_shipment": ["shipment_id"],
    "undo_delivery": ["shipment_id"],
    "correct_payment": ["payment_id"],
    "request_refund": ["amount", "items", "return_id"],
    "approve_refund": ["refund_id"],
    "reject_refund": ["refund_id"],
    "fail_refund": ["refund_id"],
    "request_return": ["items"],
    "approve_return": ["return_id"],
    "reject_return": ["return_id"],
    "receive_return": ["items", "amount", "return_id"],
    "close_return": ["return_id"],
    "hold": ["blocks"],
    "release_hold": ["hold_id"],
}


@pytest.mark.parametrize(("operation", "field"), [(name, field) for name, fields in MEANT.items() for field in fields])
def test_null_does_not_mean_everything(api, storefront, operation, field):
    order_id = sell(api)["id"]
    ready_for(operation, order_id)
    before = read(api, order_id)

    body = {**EXAMPLES[operation].body, field: None}
    problem = assert_refused(ask(api, order_id, operation, **body), 400, "validation_error")

    (error,) = problem["errors"]
    assert (error["pointer"], error["code"]) == (f"/{field}", "wrong_type")
    assert error["detail"].endswith("got `null` (give a value, or leave it out).")
    assert read(api, order_id) == before


DOUBLED = [
    (
        "POST",
        "/api/v1/orders/{}/cancel",
        '{"items":[{"item_id":"%s","quantity":1}],"items":[{"item_id":"%s","quantity":2}]}',
    ),
    ("POST", "/api/v1/orders/{}/cancel", '{"cause":"fraud","ca\\u0075se":"staff"}'),
    ("POST", "/api/v1/orders/{}/cancel", '{"items":[{"item_id":"%s","quantity":1,"quantity":2}]}'),
    ("PATCH", "/api/v1/orders/{}", '{"metadata":{"a":"1","a":"2"}}'),
    ("PUT", "/order/update/{}", '{"status":"confirmed","status":"canceled"}'),
    ("POST", "/api/v1/orders", '{"customer_id":"a","customer_id":"b","items":[{"product_id":"cup","quantity":1}]}'),
    ("POST", "/api/v1/orders/batch", '{"orders":[{}],"orders":[{}]}'),
    ("POST", "/api/v1/orders/batch", '{"orders":[{"customer_id":"a","customer_id":"b"}]}'),
    ("POST", "/api/v1/orders/bulk", '{"operation":"cancel","ids":["{0}"],"arguments":{"reason":"a","reason":"b"}}'),
]


@pytest.mark.parametrize(("method", "path", "body"), DOUBLED)
def test_of_a_name_that_stands_twice_nobody_knows_which_is_meant(api, storefront, method, path, body):
    order = sell(api)
    before = everything()

    text = body.replace("%s", item_ids(order)["cup"]).replace("{0}", order["id"])
    response = api.generic(method, path.format(order["id"]), text, content_type="application/json")

    problem = assert_refused(response, 400, "validation_error")
    assert [error["code"] for error in problem["errors"]] == [
        "not_unique" if "[]," not in body else problem["errors"][0]["code"]
    ]
    assert everything() == before


def test_escaped_quotes_are_no_names(api, storefront):
    body = '{"note": "\\u0022a\\u0022: \\"b\\", \\u0022a\\u0022"}'

    response = api.generic("PATCH", f"/api/v1/orders/{sell(api)['id']}", body, content_type="application/json")

    assert (response.status_code, response.json()["note"]) == (200, '"a": "b", "a"')
