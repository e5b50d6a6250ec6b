"""Statements that go past the cursors: what they are spared must not be missed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import DataError, ProgrammingError, connection, transaction
from django.db.transaction import TransactionManagementError

from orders.models import Order, Storefront
from orders.models.prepared import Prepared
from tests.orders.asking import sell

NAMES = Prepared("names", "select name, null from orders_storefront where code = $1::text")


@pytest.fixture
def unprepared() -> Iterator[None]:
    """As with DATABASE_PREPARED_STATEMENTS=0."""
    options = connection.settings_dict["OPTIONS"]
    kept = options.pop("prepare_threshold")
    connection.close()
    yield
    options["prepare_threshold"] = kept
    connection.close()


def prepared_statements() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("select name from pg_prepared_statements")
        return {name for (name,) in cursor.fetchall()}


def test_a_row_is_its_texts(storefront):
    assert NAMES.row("au") == [b"Australia", None]
    assert NAMES.row("no such") is None


def test_placing_and_reading_are_prepared_and_again_on_the_next_connection(api, storefront):
    order_id = sell(api)["id"]
    for _ in range(2):
        assert api.get(f"/api/v1/orders/{order_id}").status_code == 200
        assert sell(api)["version"] == 1
        assert {"read_order", "place_at_once"} <= prepared_statements()
        connection.close()


def test_they_are_prepared_anew_after_psycopg_has_deallocated_all(api, storefront):
    order_id = sell(api)["id"]
    assert api.get(f"/api/v1/orders/{order_id}").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("deallocate all")

    assert api.get(f"/api/v1/orders/{order_id}").status_code == 200
    assert sell(api)["version"] == 1
    assert {"read_order", "place_at_once"} <= prepared_statements()


@pytest.mark.usefixtures("unprepared")
def test_behind_a_pooler_that_keeps_nothing_nothing_is_prepared(api, storefront):
    order_id = sell(api)["id"]

    assert api.get(f"/api/v1/orders/{order_id}").json()["id"] == order_id
    assert prepared_statements() == set()


def test_it_begins_the_transaction_that_it_stands_first_in(storefront):
    rename = Prepared("rename", "update orders_storefront set name = $1::text where code = 'au' returning name")

    with transaction.atomic():
        assert rename.row("Elsewhere") == [b"Elsewhere"]
        assert NAMES.row("au") == [b"Elsewhere", None]
        transaction.set_rollback(True)

    assert Storefront.objects.get(code="au").name == "Australia"


def test_a_transaction_that_is_to_be_undone_takes_no_more(storefront):
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            NAMES.row("au")


def test_what_the_server_refuses_is_djangos_error_and_the_connection_goes_on(storefront):
    with pytest.raises(DataError) as caught:
        Prepared("halves", "select 1 / $1::int").row("0")

    assert getattr(caught.value.__cause__, "sqlstate", None) == "22012"
    with pytest.raises(ProgrammingError):
        Prepared("nothing", "select nothing").row()
    assert NAMES.row("au") == [b"Australia", None]


def test_a_text_is_never_cut_short_at_a_nul(storefront):
    with pytest.raises(DataError):
        NAMES.row("au\0tobahn")


def test_a_changed_table_is_planned_anew(api, storefront):
    order_id = sell(api)["id"]
    assert api.get(f"/api/v1/orders/{order_id}").status_code == 200

    with connection.cursor() as cursor:
        cursor.execute("alter table orders_order add column later text")
    try:
        assert api.get(f"/api/v1/orders/{order_id}").status_code == 200
        sell(api)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("alter table orders_order drop column later")
    assert Order.objects.count() == 2
