"""The document that is built of an order in memory is the one that the database builds of its rows."""

from __future__ import annotations

import orjson

from orders.models import Order
from orders.reading.documents import document_of, whole_document
from tests.orders.asking import done, item_ids, sell


def assert_the_same(order_id: str) -> None:
    order = Order.all_objects.get(pk=order_id)
    assert orjson.loads(orjson.dumps(whole_document(order))) == document_of(order)


def test_of_an_order_with_parts_of_every_kind(api, storefront):
    cups = {"product_id": "cup", "name": "Cup", "quantity": 3, "unit_amount": 1000, "tax_amount": 30}
    plates = {"product_id": "plate", "quantity": 2, "unit_amount": 500, "amount": 900}
    order = sell(
        api,
        cups,
        plates,
        note="Ring twice",
        metadata={"gift": "yes"},
        shipping_address={"city": "Perth", "country": "AU"},
    )
    order_id, ids = order["id"], item_ids(order)
    assert_the_same(order_id)

    done(api, order_id, "record_payment", kind="authorization", amount=order["total_amount"], psp_reference="auth")
    captured = {"kind": "capture", "amount": order["total_amount"], "psp": "Adyen", "psp_reference": "pi_1"}
    done(api, order_id, "record_payment", **captured)
    done(api, order_id, "confirm")
    done(api, order_id, "hold", kind="fraud", reason="Looks odd")
    assert_the_same(order_id)
    done(api, order_id, "release_hold")
    done(api, order_id, "cancel", items=[{"item_id": ids["cup"], "quantity": 1}])
    done(
        api, order_id, "pack", items=[{"item_id": ids["plate"], "quantity": 1}, {"item_id": ids["cup"], "quantity": 1}]
    )
    done(api, order_id, "ship", tracking_company="DHL", tracking_number="1")
    done(api, order_id, "deliver")
    done(api, order_id, "request_return", cause="damaged", items=[{"item_id": ids["cup"], "quantity": 1}])
    done(api, order_id, "approve_return")
    returned = done(api, order_id, "receive_return")
    refunded = done(api, order_id, "request_refund", return_id=returned["returns"][0]["id"])
    kinds = ("shipments", "payments", "credits", "refunds", "returns")
    assert [len(refunded[kind]) for kind in kinds] == [2, 2, 2, 2, 1]
    assert_the_same(order_id)
    wrong = refunded["payments"][0]["id"]
    done(api, order_id, "correct_payment", payment_id=wrong, reason="Typed twice")
    assert_the_same(order_id)


def test_of_an_order_without_prices_that_is_canceled(api, storefront):
    order = sell(api, {"product_id": "cup", "quantity": 1})
    assert_the_same(order["id"])

    done(api, order["id"], "cancel")

    assert_the_same(order["id"])
