"""`?version=N`: the order as it was at that version, without what tells of the person."""

from __future__ import annotations

from tests.orders.asking import done, item_ids, read, sell
from tests.orders.reading.test_timeline import PERSON
from tests.orders.refusals import assert_refused

PERSONAL = {"contact", "shipping_address", "billing_address", "note", "metadata"}


def test_each_version_reads_as_it_read_then(api, client_of, storefront):
    placed = sell(api, **PERSON, metadata={"channel": "web"}, tags=["gift"], external_reference="web-1")
    order_id, ids = placed["id"], item_ids(placed)
    path = f"/api/v1/orders/{order_id}"
    then = [read(api, order_id)]
    for name, asked in (
        ("amend", {"items": [{"item_id": ids["cup"], "quantity": 4}]}),
        ("extend", {"minutes": 6000}),
        ("hold", {"kind": "fraud"}),
        ("release_hold", {}),
        ("record_payment", {"kind": "capture", "amount": 5000, "psp_reference": "pi_1"}),
        ("confirm", {}),
        ("cancel", {"items": [{"item_id": ids["cup"], "quantity": 1}]}),
        ("pack", {"items": [{"item_id": ids["cup"], "quantity": 1}]}),
        ("ship", {"items": [{"item_id": ids["cup"], "quantity": 2}], "tracking_company": "DHL"}),
        ("track", {"tracking_number": "1"}),
        ("ship", {}),
        ("deliver", {}),
        ("request_return", {"cause": "unwanted"}),
        ("approve_return", {}),
        ("receive_return", {}),
        ("complete", {}),
        ("request_refund", {"amount": 500}),
    ):
        done(api, order_id, name, **asked)
        then.append(read(api, order_id))
    api.patch(path, {"note": "later", "tags": ["b", "a"]}, content_type="application/json")
    then.append(read(api, order_id))

    for version, order in enumerate(then, start=1):
        response = api.get(f"{path}?version={version}")

        assert (response.status_code, response.headers["ETag"]) == (200, f'"{version}"')
        assert response.json() == {name: value for name, value in order.items() if name not in PERSONAL}


def test_a_version_before_a_deletion_is_there_again_once_restored(api, storefront):
    placed = sell(api)
    path = f"/api/v1/orders/{placed['id']}"
    api.delete(path)
    hidden = api.get(f"{path}?version=1")
    done(api, placed["id"], "restore")

    response = api.get(f"{path}?version=2")

    assert_refused(hidden, 404, "order_not_found")
    assert (response.status_code, response.json()["version"]) == (200, 2)


def test_a_version_that_never_was_is_not_found(api, storefront):
    placed = sell(api)

    for version in ("2", "99", "2147483647"):
        response = api.get(f"/api/v1/orders/{placed['id']}?version={version}")

        assert assert_refused(response, 404, "no_such_version")["current_version"] == 1


def test_a_version_that_cannot_be_is_refused(api, storefront):
    placed = sell(api)

    for version in ("0", "-1", "x", "", "1.0", "%D9%A3", "2147483648", "99999999999999999999", "%00"):
        response = api.get(f"/api/v1/orders/{placed['id']}?version={version}")

        problem = assert_refused(response, 400, "validation_error")
        assert (problem["errors"][0]["pointer"], version) == ("version", version)
