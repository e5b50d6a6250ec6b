"""A payment provider's name is a key, however it is spelt."""

from datetime import UTC, datetime

import pytest

from orders.models import Order, PaymentRecord

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


def record(api, order, psp, **fields):
    body = {"kind": "capture", "amount": 500, "currency": "AUD", "psp_reference": "ch_1", "psp": psp, **fields}
    return api.post(f"/api/v1/orders/{order['id']}/record_payment", body, content_type="application/json")


@pytest.mark.parametrize("again", ["stripe", "STRIPE", " Stripe "])
def test_another_spelling_does_not_make_one_fact_two(api, place_order, again):
    order = place_order(cup=1)
    record(api, order, "Stripe")

    response = record(api, order, again)

    assert response.status_code == 200
    assert [(payment["psp"], payment["amount"]) for payment in response.json()["payments"]] == [("stripe", 500)]


def test_a_fact_kept_under_its_old_spelling_is_known_by_it(api, place_order):
    order = place_order(cup=1)
    PaymentRecord.objects.create(
        order_id=order["id"],
        storefront_id=Order.objects.get(pk=order["id"]).storefront_id,
        kind="capture",
        amount=500,
        currency="AUD",
        psp="Stripe",
        psp_reference="ch_1",
        occurred_at=MOMENT,
        recorded_at=MOMENT,
    )

    response = record(api, order, "Stripe")

    assert response.status_code == 200
    assert [record.psp for record in PaymentRecord.objects.all()] == ["Stripe"]
