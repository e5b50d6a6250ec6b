"""Every page of the back office, for somebody who may do everything in one storefront: nothing of another is on any.

The pages are those that are registered, and their addresses those they have: what is added later is asked too.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from audit.models import Entry
from events.inbox.models import IncomingEvent
from events.models import WebhookEndpoint
from inventory_client.models import Stock
from orders.models import ApiKey, FailedSignIns, Storefront
from tests.orders.asking import everything

# Accounts, groups and sign-ins belong to no storefront, and all of them sell from one stock.
OF_NO_STOREFRONT = {User, Group, FailedSignIns, Stock}
# Of which storefront these are nobody knows, or what others did there: only one's own are shown.
NOT_EVEN_OWN = {IncomingEvent, LogEntry, Entry}


@pytest.fixture
def limited(storefront: Storefront) -> Client:
    user = User.objects.create_superuser("sam")
    user.storefronts.set([storefront])
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def addresses_of(model: type[Model], key: object) -> Iterator[str]:
    """All that are about one row."""
    for pattern in django_admin.site._registry[model].get_urls():
        parameters = list(pattern.pattern.converters)
        if pattern.name and len(parameters) == 1 and parameters != ["view_id"]:  # of a list, not of its rows
            yield reverse(f"admin:{pattern.name}", kwargs={parameters[0]: key})


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def test_every_page_is_looked_at(things):
    assert set(django_admin.site._registry) == OF_NO_STOREFRONT | set(things)


def test_lists_and_searches_show_nothing_of_another_storefront(limited, things):
    missing, leaked = [], []
    for model, (own, foreign) in things.items():
        url = list_of(model)
        html = limited.get(url).content.decode()
        searched = [limited.get(url, {"q": term}).content.decode() for term in (foreign.key, foreign.shown)]
        if own.shown not in html and model not in NOT_EVEN_OWN:
            missing.append(model)
        # The text that was searched for stands in the box, and in links that keep it.
        found = [page.split('id="result_list"')[1] for page in searched if 'id="result_list"' in page]
        rows = [row for page in found for row in page.split("</table>")[0].split("<tr")[2:]]
        if foreign.shown in html or any(foreign.shown in row for row in rows):
            leaked.append(model)

    assert (missing, leaked) == ([], [])


def test_no_address_of_a_foreign_row_answers_and_none_changes_it(limited, things):
    before = everything()

    answers = {
        address: (limited.get(address).status_code, limited.post(address, {"version": 1, "post": "yes"}).status_code)
        for model, (_, foreign) in things.items()
        for address in addresses_of(model, foreign.key)
    }

    assert len(answers) > 60
    # 302: the admin's own pages lead back to the first page from what does not exist.
    refused = {302, 403, 404}
    assert {address: codes for address, codes in answers.items() if not set(codes) <= refused} == {}
    assert everything() == before


def test_the_own_rows_answer_there(limited, things):
    """Or the two tests above would tell nothing."""
    of_all = {
        model: [limited.get(url).status_code for url in addresses_of(model, own.key)]
        for model, (own, _) in things.items()
    }

    assert [model for model, codes in of_all.items() if 200 not in codes] == [
        IncomingEvent,
        LogEntry,
        Entry,
    ]


def test_no_form_offers_another_storefront(limited, things):
    for model in (ApiKey, WebhookEndpoint):
        html = limited.get(list_of(model) + "add/").content.decode()
        assert ("Australia" in html or ">au<" in html, "New Zealand" in html or ">nz<" in html) == (True, False)


def test_accounts_of_those_who_see_other_storefronts_are_not_shown(limited, other_storefront):
    bob = User.objects.create_user("bob", is_staff=True)
    bob.storefronts.set([other_storefront])
    page = f"/admin/auth/user/{bob.pk}/"

    assert [limited.get(page + name).status_code for name in ("change/", "history/")] == [302, 404]
