"""Pages that change a storefront and accounts together lock the storefronts first, whichever page it is."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from orders.models import Storefront
from tests.base import wait_until_somebody_waits_for_a_lock

ACCOUNT = {"username": "bob", "is_active": "on", "is_staff": "on"}
ACCOUNT |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}


def test_two_pages_that_give_somebody_a_storefront_do_not_wait_for_each_other(admin: Client, storefront: Storefront):
    """What the page of the storefront holds and then wants is done by a session of its own."""
    bob = User.objects.create_user("bob", is_staff=True)
    answers: list[int] = []

    def send() -> None:
        sent: dict[str, Any] = ACCOUNT | {"storefronts": [storefront.pk]}
        answers.append(admin.post(f"/admin/auth/user/{bob.pk}/change/", sent).status_code)
        connection.close()

    parameters = connection.get_connection_params()
    wanted = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}
    with psycopg.connect(**wanted) as page_of_the_storefront:
        page_of_the_storefront.execute("select from orders_storefront where id = %s for no key update", [storefront.pk])
        other_page = threading.Thread(target=send)
        other_page.start()
        wait_until_somebody_waits_for_a_lock()
        page_of_the_storefront.execute("select from auth_user where id = %s for no key update", [bob.pk])
    other_page.join()

    assert answers == [302]
    assert list(bob.storefronts.all()) == [storefront]
