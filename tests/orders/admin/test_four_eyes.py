"""Two people, not two keys: whoever requested a refund doesn't approve it, whichever way they come."""

from __future__ import annotations

import importlib
import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from orders.models import ApiKey, Order, Refund, Storefront
from orders.rules.scopes import Scope
from tests.base import perform
from tests.orders.admin.conftest import buttons_on, do_operation, operation_page, page_of
from tests.orders.asking import ask
from tests.orders.refusals import assert_refused

KEYS = "/admin/orders/apikey/"


@pytest.fixture
def paid(sold: Any, storefront: Storefront) -> Order:
    """An order of 30.00, paid, of whose refunds each has to be approved."""
    Storefront.objects.update(refund_approval_above=0)
    order: Order = sold()
    perform("record_payment", order.pk, kind="capture", amount=3000, psp_reference="pi_1")
    return order


def key_made_by(browser: Client, storefront: Storefront) -> Client:
    page = browser.post(f"{KEYS}add/", {"name": "till", "storefront": storefront.pk, "scopes": list(Scope)})
    return Client(headers={"X-API-Key": page.context["secret"]})


def rotated_by(browser: Client, key: ApiKey) -> Client:
    page = browser.post(f"{KEYS}{key.prefix}/rotate/", {"overlap": 24})
    return Client(headers={"X-API-Key": page.context["secret"]})


def key_by_command(*arguments: str) -> Client:
    out = io.StringIO()
    call_command("api_keys", *arguments, stdout=out, stderr=io.StringIO())
    return Client(headers={"X-API-Key": out.getvalue().strip()})


def approves(who: Client, order: Order) -> bool:
    """Through the API with a key, on its page in a browser; refused, nothing is changed."""
    if "sessionid" not in who.cookies:
        response = ask(who, str(order.pk), "approve_refund")
        if response.status_code != 200:
            assert_refused(response, 409, "own_request")
    else:
        order.refresh_from_db()
        waiting = {"version": order.version, "part": Refund.objects.get().pk}
        who.post(operation_page(order, "approve_refund"), waiting)
    return Refund.objects.get().state == "approved"


def test_who_made_a_key_cannot_approve_by_it_what_they_requested(admin, colleague, storefront, paid):
    own, others = key_made_by(admin, storefront), key_made_by(colleague, storefront)
    do_operation(admin, paid, "request_refund", amount="20")

    refused = ask(own, str(paid.pk), "approve_refund")

    key = ApiKey.objects.get(made_by="staff:ann")
    assert assert_refused(refused, 409, "own_request")["detail"] == (
        "staff:ann has requested this refund, so somebody else has to approve it. "
        f"key:{key.prefix} stands for the same person."
    )
    assert Refund.objects.get().state == "requested"
    assert approves(others, paid)


def test_who_made_a_key_cannot_approve_what_was_requested_by_it(admin, colleague, storefront, paid):
    key, second = key_made_by(admin, storefront), key_made_by(admin, storefront)
    assert ask(key, str(paid.pk), "request_refund").status_code == 200

    assert "approve_refund" not in buttons_on(admin.get(page_of(paid)), paid)
    assert [approves(who, paid) for who in (key, second, admin)] == [False, False, False]
    assert "approve_refund" in buttons_on(colleague.get(page_of(paid)), paid)
    assert approves(colleague, paid)


def test_what_a_cancellation_gives_back_counts_as_requested_by_the_same_person(admin, storefront, paid):
    key = key_made_by(admin, storefront)

    assert ask(key, str(paid.pk), "cancel").status_code == 200

    assert (approves(key, paid), approves(admin, paid)) == (False, False)


def test_whoever_rotates_a_key_has_made_its_successor(admin, colleague, storefront, paid):
    key_made_by(admin, storefront)
    successor = rotated_by(colleague, ApiKey.objects.get(name="till"))
    do_operation(colleague, paid, "request_refund", amount="20")

    assert not approves(successor, paid)
    assert approves(admin, paid)


def test_a_key_rotated_by_a_command_stays_with_whom_it_was(admin, storefront, paid):
    key_made_by(admin, storefront)
    successor = key_by_command("rotate", ApiKey.objects.get(name="till").prefix)
    do_operation(admin, paid, "request_refund", amount="20")

    assert not approves(successor, paid)


def test_a_key_that_nobody_in_particular_has_made_stands_for_itself(admin, storefront, paid):
    key, other = key_by_command("create", "au"), key_by_command("create", "au")
    assert ask(key, str(paid.pk), "request_refund").status_code == 200

    assert not approves(key, paid)
    assert approves(other, paid)


def test_the_list_shows_who_made_a_key(admin, colleague, storefront):
    key_made_by(colleague, storefront)

    assert '<td class="field-maker' in admin.get(KEYS).content.decode()
    assert ApiKey.objects.get(name="till").made_by == "staff:eve"


def test_keys_from_before_know_their_maker_by_the_log_and_so_do_their_requests(admin, storefront, paid):
    key = key_made_by(admin, storefront)
    ask(key, str(paid.pk), "request_refund")
    ApiKey.objects.update(made_by="")
    Refund.objects.update(requester="")

    for operation in importlib.import_module("orders.migrations.0009_rights_so_far").Migration.operations[2:]:
        with connection.cursor() as cursor:
            cursor.execute(operation.sql)

    assert ApiKey.objects.get(name="till").made_by == "staff:ann"
    assert User.objects.filter(username="ann").exists()
    assert (approves(key, paid), approves(admin, paid)) == (False, False)


def test_a_lead_who_makes_a_key_that_approves_does_not_approve_their_own_refund_by_it(staff, storefront, paid):
    lead = staff("lead")
    made = {"name": "mine", "storefront": storefront.pk, "scopes": ["orders:read", "refunds:approve"]}
    own = Client(headers={"X-API-Key": lead.post(f"{KEYS}add/", made).context["secret"]})
    do_operation(lead, paid, "request_refund", amount="20")

    refused = [
        assert_refused(ask(own, str(paid.pk), "approve_refund"), 409, "own_request")["code"],
        approves(lead, paid),
    ]
    successor = rotated_by(lead, ApiKey.objects.get(name="mine"))

    assert refused == ["own_request", False]
    assert not approves(successor, paid)
    assert Refund.objects.get().state == "requested"
