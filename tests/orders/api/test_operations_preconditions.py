"""Every operation can be asked for on the condition that the order is as it was read."""

from __future__ import annotations

import pytest

from orders.api.operations import POSTED
from tests.orders.asking import ask, everything, read, sell
from tests.orders.examples import EXAMPLES, ready_for
from tests.orders.refusals import assert_refused


def test_every_operation_has_its_example():
    assert set(EXAMPLES) == set(POSTED)


@pytest.mark.parametrize("operation", EXAMPLES)
def test_only_the_version_that_was_read_is_changed(api, storefront, operation):
    order_id = sell(api)["id"]
    version = ready_for(operation, order_id)
    body = EXAMPLES[operation].body
    before = everything()

    for stale in (version - 1, version + 1):
        response = ask(api, order_id, operation, {"If-Match": f'"{stale}"', "Idempotency-Key": "key-1"}, **body)

        problem = assert_refused(response, 412, "version_mismatch")
        assert problem["current_version"] == version
        assert everything() == before

    response = ask(api, order_id, operation, {"If-Match": f'"{version}"', "Idempotency-Key": "key-1"}, **body)

    assert (response.status_code, response.headers["ETag"]) == (200, f'"{version + 1}"')
    assert response.json()["version"] == version + 1


@pytest.mark.parametrize("operation", EXAMPLES)
def test_a_stale_version_is_told_before_what_stands_in_the_way(api, storefront, operation):
    order_id = sell(api)["id"]
    if operation == "restore":
        api.delete(f"/api/v1/orders/{order_id}")
    before = everything()

    response = ask(api, order_id, operation, {"If-Match": '"7"'}, **EXAMPLES[operation].body)

    assert_refused(response, 412, "version_mismatch")
    assert everything() == before


@pytest.mark.parametrize("headers", [{"If-Match": "*"}, {"If-Match": " * "}, {}])
def test_any_version_will_do_where_none_is_named(api, storefront, headers):
    order_id = sell(api)["id"]

    assert ask(api, order_id, "confirm", headers).status_code == 200


@pytest.mark.parametrize("operation", ["confirm", "amend", "restore"])
def test_a_condition_that_cannot_be_is_refused(api, storefront, operation):
    placed = sell(api)

    for header in ("", " ", "1", 'w/"1"', '"1", "2"', '"x"', '"-1"', '"1"x', "'1'", '"9999999999"'):
        response = ask(api, placed["id"], operation, {"If-Match": header}, **EXAMPLES[operation].body)

        problem = assert_refused(response, 400, "validation_error")
        assert (problem["errors"][0]["pointer"], header) == ("If-Match", header)
    assert read(api, placed["id"]) == placed


def test_the_precondition_of_an_order_that_is_not_there_is_not_asked_for(api):
    response = ask(api, "01a2068a-33c2-75f8-9a09-a014ce1a34b0", "confirm", {"If-Match": '"1"'})

    assert_refused(response, 404, "order_not_found")
