"""A customer with many orders is erased from all of them, and what is kept for repeats is read once for all."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from orders.models import IdempotentAnswer, Order
from orders.operations import erasing
from orders.operations.call import Call
from orders.operations.erasing import erase_customer
from orders.rules.callers import system
from tests.base import perform, wait_until_somebody_waits_for_a_lock
from tests.orders.asking import done

CALL = Call(system("test"))


@pytest.fixture
def place_batch(api, stock) -> Any:
    """Orders of one customer, all canceled, placed under one key: `place_batch(3)`; their numbers."""

    def place(count: int, *, canceled: bool = True) -> list[str]:
        stock(cup=1000)
        order = {"customer_id": "marker-1", "note": "marker-note", "items": [{"product_id": "cup", "quantity": 1}]}
        answer = api.post(
            "/api/v1/orders/batch",
            {"orders": [order] * count},
            content_type="application/json",
            headers={"Idempotency-Key": f"batch-of-{count}"},
        )
        orders = [result["order"] for result in answer.json()["results"]]
        for placed in orders if canceled else []:
            perform("cancel", placed["id"])
        return [placed["number"] for placed in orders]

    return place


def answers_that_tell(text: bytes = b"marker") -> list[str]:
    return sorted(answer.key for answer in IdempotentAnswer.objects.all() if text in bytes(answer.body))


def test_the_stored_answers_are_read_once_for_all_orders(storefront, api, place_batch):
    numbers = place_batch(12)
    ids = list(Order.objects.values_list("pk", flat=True).order_by("pk"))
    for order_id in ids[:3]:
        body = {"note": "marker-note 2"}
        headers = {"Idempotency-Key": f"note-{order_id}"}
        api.patch(f"/api/v1/orders/{order_id}", body, content_type="application/json", headers=headers)
    api.patch(f"/api/v1/orders/{ids[0]}", {"note": "x"}, content_type="application/json", headers={})
    done(api, ids[0], "hold", {"Idempotency-Key": "held"}, kind="manual", blocks=["confirm"])

    with CaptureQueriesContext(
        connection,
    ) as queries:
        erasure = erase_customer(storefront, "marker-1", call=CALL)

    assert sorted(order.number for order in erasure.erased) == sorted(numbers)
    about_answers = [query["sql"] for query in queries if "orders_idempotentanswer" in query["sql"]]
    in_search = [sql for sql in about_answers if '"key" IN' not in sql and "UPDATE" not in sql]
    assert len(in_search) == 1, in_search
    assert answers_that_tell() == []
    assert IdempotentAnswer.objects.filter(key="held").count() == 1


def test_an_answer_that_is_stored_after_they_were_read_is_erased_too(storefront, place_batch):
    place_batch(1)
    order = Order.objects.get()
    erasure = threading.Thread(target=_erase_and_close, args=[storefront])

    with transaction.atomic():
        Order.objects.select_for_update().get(pk=order.pk)
        erasure.start()
        wait_until_somebody_waits_for_a_lock()
        IdempotentAnswer.objects.create(
            storefront_id=storefront.pk,
            key="stored-meanwhile",
            fingerprint=b"1",
            status=200,
            body=f'{{"id":"{order.pk}","customer_id":"marker-1","note":"marker-note"}}'.encode(),
        )
        Order.objects.filter(pk=order.pk).update(version=F("version") + 1)
    erasure.join()

    assert Order.objects.get().customer_id == "erased"
    assert answers_that_tell() == []
    assert answers_that_tell(b"erased") == ["batch-of-1", "stored-meanwhile"]


def _erase_and_close(storefront) -> None:
    try:
        erase_customer(storefront, "marker-1", call=CALL)
    finally:
        connection.close()


def test_orders_that_are_refused_hide_no_others(monkeypatch, storefront, api, place_batch):
    monkeypatch.setattr(erasing, "MOST_ORDERS", 2)
    monkeypatch.setattr(erasing, "MOST_REFUSED_TOLD", 3)
    under_way = place_batch(4, canceled=False)
    ended = place_batch(3)
    body = {"customer_id": "marker-1"}

    first, second, third = (
        api.post("/api/v1/customers/erase", body, content_type="application/json").json() for _ in range(3)
    )

    assert [order["number"] for order in first["erased"] + second["erased"]] == ended
    assert (first["has_more"], second["has_more"], third["has_more"]) == (True, False, False)
    assert [order["number"] for order in third["refused"]] == under_way[:3]
    assert [answer["refused_count"] for answer in (first, second, third)] == [4, 4, 4]
    assert third["refused"][0]["error"]["code"] == "not_allowed_in_status"


def test_the_command_reaches_them_all_and_tells_how_many_are_refused(monkeypatch, capsys, place_batch):
    monkeypatch.setattr(erasing, "MOST_ORDERS", 2)
    monkeypatch.setattr(erasing, "MOST_REFUSED_TOLD", 1)
    (refused, _), ended = place_batch(2, canceled=False), place_batch(5)

    with pytest.raises(CommandError, match="Of the orders of marker-1, refused: 2, erased: 5"):
        call_command("customer", "erase", "au", "marker-1")

    told = capsys.readouterr().out.splitlines()
    assert told[:5] == [f"Erased {number}." for number in ended]
    assert told[5].startswith(f"{refused} is refused: ")
    assert told[6:] == ["1 more are refused."]


def test_a_deleted_order_that_was_never_confirmed_is_erased(storefront, place_batch):
    place_batch(1, canceled=False)
    perform("delete", Order.objects.get().pk, reason="marker-reason")

    erasure = erase_customer(storefront, "marker-1", call=CALL)

    assert (len(erasure.erased), erasure.refused_count) == (1, 0)
    order = Order.all_objects.get()
    assert (order.customer_id, order.note, order.deleted_reason, order.status) == ("erased", "", "", "pending")


def test_whom_nobody_knows_any_more_is_not_erased_again(storefront, place_batch):
    place_batch(1)
    erase_customer(storefront, "marker-1", call=CALL)
    version = Order.objects.get().version

    again = erase_customer(storefront, "erased", call=CALL)

    assert (again.erased, again.requests) == ([], 0)
    assert Order.objects.get().version == version
