"""What a caller reads of a mistake: where it is, what there is instead, and which codes there are."""

from __future__ import annotations

import ast
from pathlib import Path
from uuid import UUID

import pytest

from orders.api.errors import FIELD_PROBLEMS
from orders.rules.errors import InvalidRequest
from tests.orders.refusals import assert_refused

ORDERS = Path(__file__).resolve().parents[3] / "orders"
OTHER_ID = UUID("01a2068a-33c2-75f8-9a09-a014ce1a34b0")

pytestmark = pytest.mark.django_db


def test_a_sentence_that_names_the_parameter_itself_does_not_name_it_twice():
    assert str(InvalidRequest.at("limit", "out_of_range", "limit is a number")) == "limit is a number."
    assert str(InvalidRequest.at("/limit", "out_of_range", "Too large.")) == "/limit: Too large."


def test_choices_of_a_body_are_named(api, place_order):
    order = place_order(cup=1)

    wrong = assert_refused(
        api.post(f"/api/v1/orders/{order['id']}/hold", {"kind": "mood"}, "application/json"), 400, "validation_error"
    )

    assert wrong["errors"][0]["detail"] == (
        "Invalid enum value 'mood'; there are: fraud, address, payment_review, manual."
    )


def test_operations_of_a_bulk_request_are_named(api, place_order):
    body = {"operation": "expire", "ids": [place_order(cup=1)["id"]]}

    wrong = assert_refused(api.post("/api/v1/orders/bulk", body, "application/json"), 400, "validation_error")

    assert wrong["detail"].startswith("/operation: expire is not offered for several orders; there are: confirm, ")


def test_statuses_of_a_list_are_named(api):
    wrong = assert_refused(api.get("/api/v1/orders?status=paid"), 400, "validation_error")

    assert wrong["detail"] == (
        "status: paid is no status; there are: pending, confirmed, shipped, completed, canceled."
    )


def test_a_time_whose_plus_became_a_blank_is_told_how_it_is_written(api):
    wrong = assert_refused(api.get("/api/v1/orders?placed_after=2026-11-30T09:00:00+01:00"), 400, "validation_error")

    assert wrong["errors"] == [
        {
            "pointer": "placed_after",
            "code": "invalid_filter",
            "detail": "A time looks like 2026-11-30T09:00:00Z; the + of another zone is written %2B in an address",
        }
    ]


def test_fields_that_an_object_has_are_named_where_one_is_unknown(api):
    body = {"customer_id": "cus123", "items": [{"product": "cup", "quantity": 1}]}

    wrong = assert_refused(api.post("/api/v1/orders", body, "application/json"), 400, "validation_error")

    assert wrong["detail"].startswith(
        "/items/0/product: Object contains unknown field `product`; there are: product_id, quantity, "
    )


def test_who_would_change_the_status_is_told_of_operations(api, place_order):
    path = f"/api/v1/orders/{place_order(cup=1)['id']}"

    wrong = assert_refused(api.patch(path, {"status": "shipped"}, "application/json"), 400, "validation_error")

    assert wrong["detail"] == (
        "/status: Object contains unknown field `status`: operations move it, POST …/confirm and …/ship for example; "
        "GET …/actions lists them."
    )


def test_an_item_of_another_order_is_told_with_its_place(api, place_order):
    order = place_order(cup=1)
    units = [{"item_id": order["items"][0]["id"], "quantity": 1}, {"item_id": str(OTHER_ID), "quantity": 1}]

    wrong = assert_refused(
        api.post(f"/api/v1/orders/{order['id']}/cancel", {"items": units}, "application/json"), 422, "unknown_part"
    )

    assert wrong["errors"] == [
        {"pointer": "/items/1/item_id", "code": "unknown_part", "detail": "Name an item of this order."}
    ]


def test_a_key_sent_as_bearer_is_told_how_it_is_sent(client):
    wrong = client.get("/api/v1/orders", headers={"Authorization": "Bearer abc.def"}).json()

    assert wrong["code"] == "missing_api_key"
    assert "X-API-Key" in wrong["detail"]
    assert "Bearer and other schemes are not read" in wrong["detail"]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/api/v1/orders/", "Paths of /api/v1 have no slash at the end."),
        (f"/api/v1/orders/{OTHER_ID}/refund", f"GET /api/v1/orders/{OTHER_ID}/actions lists the operations."),
    ],
)
def test_an_address_that_is_nearly_right_is_told_what_it_may_have_meant(api, path, hint):
    wrong = assert_refused(api.post(path, {}, "application/json"), 404, "not_found")

    assert wrong["detail"].endswith(hint)


def test_no_code_has_two_titles(api):
    listed = {problem["code"]: problem["title"] for problem in api.get("/api/problems").json()["problems"]}

    for path in ("/api/v1/orders/", "/nowhere"):
        problem = api.get(path).json()
        assert (problem["code"], problem["title"]) == ("not_found", listed["not_found"])
    wrong = api.delete("/api/v1/orders").json()
    assert (wrong["code"], wrong["title"]) == ("method_not_allowed", listed["method_not_allowed"])


def test_the_list_of_problems_has_those_of_the_front(api):
    listed = {problem["code"]: problem["status"] for problem in api.get("/api/problems").json()["problems"]}

    assert (listed["host_not_allowed"], listed["metrics_closed"], listed["bad_request"]) == (400, 403, 400)


def test_every_code_of_a_field_is_listed(api):
    """Those that are written out in the code; imports have some of their own."""
    made = {
        code.value
        for path in ORDERS.rglob("*.py")
        if "importing" not in path.parts and path.name != "import_attempts.py"
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(("InvalidRequest.at", "beside_order"))
        for code in call.args[1:2]
        if isinstance(code, ast.Constant)
    }

    assert "cursor_ahead" in made
    assert made - set(FIELD_PROBLEMS) == set()
    assert {error["code"] for error in api.get("/api/problems").json()["errors"]} == set(FIELD_PROBLEMS)
