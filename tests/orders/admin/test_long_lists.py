"""Lists that may be long are read by a key: the next page costs what the first one does, at any depth."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events import keyset_list
from tests.plans import cost_of

_MANY = """
insert into inventory_stock (product_id, on_hand, reserved, shipped, version, updated_at)
select 'cup-' || lpad(n::text, 6, '0'), 1, 0, 0, 1, now() from generate_series(1, 20000) n;
insert into inventory_reservation (id, state, product_ids, quantities, revision, created_at, updated_at)
select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'released', '{}', '{}', 1, now(), now()
from generate_series(1, 20000) n;
insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
select '!', false, 'user' || lpad(n::text, 6, '0'), '', '', '', true, true, now() from generate_series(1, 20000) n;
insert into audit_entry (by, model, object_id, name, action, changes, at)
select 'staff:ann', 'inventory_client.stock', 'cup', 'cup', 'Changed', '[]', now() from generate_series(1, 20000) n;
insert into django_admin_log (action_time, user_id, object_repr, action_flag, change_message)
select now(), auth_user.id, 'cup', 2, '' from generate_series(1, 20000) n join auth_user on username = 'ann';
analyze inventory_stock, inventory_reservation, auth_user, audit_entry, django_admin_log
"""
# Each with a place in its middle, the table and the index that has its order.
LISTS = [
    ("inventory_client/stock", "cup-010000", "inventory_stock", "inventory_stock_pkey"),
    (
        "inventory_client/reservation",
        "01900000-0000-7000-8000-000000002710",
        "inventory_reservation",
        "inventory_reservation_pkey",
    ),
    ("auth/user", "user010000", "auth_user", "auth_user_username_key"),
    ("audit/entry", None, "audit_entry", "audit_entry_pkey"),
    ("admin/logentry", None, "django_admin_log", "django_admin_log_pkey"),
]


@pytest.fixture
def many(admin: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_MANY)


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(("page", "place", "table", "index"), LISTS, ids=[page for page, *_ in LISTS])
def test_a_page_deep_in_the_list_is_read_from_its_index(
    admin: Client, page: str, place: str | None, table: str, index: str
):
    if place is None:
        with connection.cursor() as cursor:
            cursor.execute(f"select max(id) - 10000 from {table}")
            (place,) = cursor.fetchone()

    cost = cost_of(lambda: admin.get(f"/admin/{page}/", {"before": place}), naming=f'FROM "{table}" ' + ordered(table))

    assert index in cost.indexes
    assert cost.pages < 200


def ordered(table: str) -> str:
    """What tells the statement of the list from others of the table."""
    if table == "auth_user":
        return 'WHERE "auth_user"."username" >'
    return "" if table == "django_admin_log" else "WHERE"


def test_the_accounts_go_on_where_a_page_ended_and_a_search_looks_through_all(
    admin: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(keyset_list.ListedByKey, "list_per_page", 2)
    monkeypatch.setattr(keyset_list, "_STRETCH", 1)
    for name in ("bob", "cid", "dan", "eve"):
        User.objects.create_user(name, email=f"{name}@example.com")

    first = admin.get("/admin/auth/user/")
    second = admin.get("/admin/auth/user/" + first.context["cl"].next_page)
    third = admin.get("/admin/auth/user/" + second.context["cl"].next_page)
    back = admin.get("/admin/auth/user/" + third.context["cl"].previous_page)
    found = admin.get("/admin/auth/user/", {"q": "EVE@"})

    assert [names(page) for page in (first, second, third, back, found)] == [
        ["ann", "bob"], ["cid", "dan"], ["eve"], ["cid", "dan"], ["eve"],
    ]  # fmt: skip


def names(page: Any) -> list[str]:
    return [user.username for user in page.context["cl"].result_list]


def test_a_lists_page_takes_as_many_queries_at_any_depth(admin: Client, many: None):
    admin.get("/admin/inventory_client/stock/")

    taken = []
    for place in ({}, {"before": "cup-015000"}):
        with CaptureQueriesContext(connection) as asked:
            admin.get("/admin/inventory_client/stock/", place)
        taken.append(len(asked))

    assert taken == [6, 6]
