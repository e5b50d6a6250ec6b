"""What staff see while the database takes no changes, or cannot be reached at all: a page of the back office."""

from __future__ import annotations

from django.db import connection

from orders.models import Order
from tests.outages import read_only_database, unreachable_database


def test_a_change_that_cannot_be_written_is_a_page_in_the_layout(admin, order_in):
    order = order_in("pending")

    with read_only_database():
        answer = admin.post(f"/admin/orders/order/{order.pk}/confirm/", {"version": 1})

    page = answer.content.decode()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "The database takes no changes" in page
    assert "/admin/orders/storefront/" in page  # the side bar
    assert Order.objects.get().status == "pending"


def test_pages_are_shown_while_the_database_takes_no_changes(admin, order_in):
    order = order_in("pending")

    with read_only_database():
        answers = [
            admin.get(path) for path in ("/admin/", "/admin/orders/order/", f"/admin/orders/order/{order.pk}/change/")
        ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]


def test_nobody_can_sign_in_meanwhile_and_is_told_so(client, database):
    with read_only_database():
        answer = client.post("/admin/login/", {"username": "ann", "password": "wrong"})

    assert answer.status_code == 503
    assert "The database takes no changes" in answer.content.decode()


def test_a_database_that_cannot_be_reached_is_a_page_without_a_side_bar(admin, database):
    with unreachable_database():
        answer = admin.get("/admin/orders/order/")

    page = answer.content.decode()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "The database cannot be reached" in page
    assert "/admin/orders/storefront/" not in page
    connection.ensure_connection()
    assert admin.get("/admin/orders/order/").status_code == 200
