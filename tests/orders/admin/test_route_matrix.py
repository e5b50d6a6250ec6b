"""Every address of the back office, for every group of staff: who may open it, who may send something to it, and where.

The addresses are those that Django's resolver knows. One that no line below speaks of fails the first test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core import serializers
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django.fixtures import Settings

from audit.models import Entry
from orders.models import FailedSignIns, Storefront
from orders_project import error_pages
from tests.orders.admin.test_staff_groups import MAY, TOGETHER
from tests.orders.admin.things import Thing
from tests.orders.asking import everything

# In the tables: s(upport), l(ead), w(arehouse), f(inance), a(uditor), u who may do everything, n who has no permission
# at all; - is for no one.
ROLES: Final = {
    "s": "support", "l": "lead", "w": "warehouse", "f": "finance", "a": "auditor", "u": "superuser", "n": "nobody",
}  # fmt: skip
ANYBODY, STAFF = "slwfaun", "slwfau"


class Page(NamedTuple):
    """Who may look, add, change and delete on the pages that Django makes for a model."""

    see: str
    add: str = "-"
    change: str = "-"
    delete: str = "-"


PAGES: Final = {
    "orders/order": Page(STAFF, delete="lu"),  # which is the operation
    "orders/bulkrun": Page(STAFF),
    "orders/paymentrecord": Page(STAFF),
    "orders/requestedorder": Page(STAFF),
    "orders/storefront": Page(STAFF, add="u", change="lu"),
    "orders/failedsignins": Page("u", delete="u"),
    "inventory_client/stock": Page("slwau", add="wu", change="wu"),
    "inventory_client/reservation": Page("slwau"),
    "events/event": Page(STAFF),
    "events/outboxentry": Page("lau"),
    "events/skippedevent": Page("lau"),
    "events/webhookdelivery": Page("lau"),
    "events/incomingevent": Page("lau"),
    "auth/user": Page("u", add="u", change="u", delete="u"),
    "auth/group": Page("u", add="u", change="u", delete="u"),
    "admin/logentry": Page("au"),
    "audit/entry": Page("au"),
}


class May(NamedTuple):
    """Who may open an address, and who may send something to it."""

    get: str
    post: str


ONE = "<path:object_id>/"
ORDER = "orders/order/<uuid:order_id>/"
HOOK = "events/webhookendpoint/<uuid:pk>/"
MORE: Final = {
    "": May(ANYBODY, ANYBODY),
    "search/": May(ANYBODY, ANYBODY),
    "your-settings/": May(ANYBODY, ANYBODY),
    "second-factor/": May(ANYBODY, ANYBODY),
    "password_change/": May(ANYBODY, ANYBODY),
    "password_change/done/": May(ANYBODY, "-"),
    "jsi18n/": May(ANYBODY, "-"),
    "logout/": May("-", ANYBODY),
    f"auth/user/{ONE}reset-second-factor/": May("u", "u"),
    "auth/user/<id>/password/": May("u", "u"),
    f"orders/storefront/{ONE}switch-off/": May("lu", "lu"),
    f"orders/storefront/{ONE}switch-on/": May("lu", "lu"),
    "orders/bulkrun/<uuid:run_id>/stop/": May(STAFF, "slu"),
    "orders/apikey/": May("lau", "lau"),
    "orders/apikey/add/": May("lu", "lu"),
    "orders/apikey/<str:prefix>/rotate/": May("lu", "lu"),
    "orders/apikey/<str:prefix>/revoke/": May("lu", "lu"),
    "orders/apikey/<str:prefix>/history/": May("lau", "lau"),
    "events/webhookendpoint/": May("lau", "lau"),
    "events/webhookendpoint/add/": May("lu", "lu"),
    f"{HOOK}change/": May("lau", "lau"),
    f"{HOOK}history/": May("lau", "lau"),
    f"{HOOK}edit/": May("lu", "lu"),
    f"{HOOK}rotate/": May("lu", "lu"),
    f"{HOOK}test/": May("lu", "lu"),
    f"{HOOK}enable/": May("lu", "lu"),
    f"{HOOK}disable/": May("lu", "lu"),
    f"{HOOK}redeliver/": May("lu", "lu"),
    f"{HOOK}delete/": May("lu", "lu"),
    f"{HOOK}deliveries/<uuid:event_id>/": May("lau", "lau"),
    f"{HOOK}deliveries/<uuid:event_id>/again/": May("lu", "lu"),
    f"{ORDER}products/": May("slu", "slu"),
    f"{ORDER}export-customer/": May("lu", "lu"),
    f"{ORDER}erase-customer/": May("lu", "lu"),
    f"{ORDER}claim/": May("-", "slwfu"),
    f"{ORDER}give-back/": May("-", "slwfu"),
    f"{ORDER}looking/": May("-", STAFF),
    "orders/order/next/<slug:key>/": May("-", "slu"),  # of the queue of those to confirm
    "orders/order/columns/": May(STAFF, STAFF),
    "orders/order/views/": May(STAFF, STAFF),
    "orders/order/views/<int:view_id>/delete/": May(STAFF, STAFF),
    "orders/order/export.csv": May(STAFF, STAFF),
    "orders/order/export.xlsx": May(STAFF, STAFF),
    "orders/order/papers/packing_slip/": May(STAFF, STAFF),
    "orders/order/papers/summary/": May(STAFF, STAFF),
    "<app_label>/": May(STAFF, STAFF),
}
# Whoever comes is sent on to another of these addresses, or there is nothing.
LEADS_ON: Final = {
    "",
    "/login/",
    "/second-factor/code/",
    "/autocomplete/",
    "/r/<path:content_type_id>/<path:object_id>/",
    "/(?P<url>.*)$",
}
# Everybody's: they are of no storefront.
OF_ALL: Final = {"inventory_client/stock", "orders/failedsignins", "auth/group"}
# Nobody knows of which storefront they are, so they are only shown to whoever sees all.
OF_NONE: Final = {"admin/logentry", "audit/entry", "events/incomingevent"}
# Done only by those who see all storefronts.
BY_UNLIMITED: Final = {
    ("orders/storefront/add/", "get"), ("orders/storefront/add/", "post"),
    ("auth/group/add/", "get"), ("auth/group/add/", "post"),
    (f"auth/group/{ONE}change/", "post"),
    (f"auth/group/{ONE}delete/", "get"), (f"auth/group/{ONE}delete/", "post"),
}  # fmt: skip
# Where it is not said that there is nothing.
REFUSED_ABROAD: Final = {f"auth/user/{ONE}reset-second-factor/"}
# What these do cannot be taken back, so they come last.
LAST: Final = ("revoke/", "delete/", "erase-customer/", "logout/")
A_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)


def _table() -> dict[str, May]:
    """All lines, with those of the operations, of which another table tells."""
    lines = dict(MORE)
    for page, (see, add, change, delete) in PAGES.items():
        lines |= {
            f"{page}/": May(see, see),
            f"{page}/add/": May(add, add),
            f"{page}/{ONE}": May(ANYBODY, ANYBODY),  # leads on to the next
            f"{page}/{ONE}change/": May(see, change),
            f"{page}/{ONE}history/": May(see, see),
            f"{page}/{ONE}delete/": May(delete, delete),
        }
    for slug in {slug for slugs in MAY.values() for slug in slugs}:
        letters = "u" + "".join(letter for letter, role in ROLES.items() if slug in MAY.get(role, ()))
        lines[f"{ORDER}{slug}/"] = May(letters, letters)
        if slug in TOGETHER:
            lines[f"orders/order/together/{slug}/"] = May(letters, letters)
    return lines


TABLE: Final = _table()


def routes() -> list[str]:
    """All that begin with /admin, without it."""

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for each in patterns:
            route = before + re.sub(r"^\^\(\?P<app_label>.*", "<app_label>/", str(each.pattern))
            if isinstance(each, URLResolver):
                yield from walk(each.url_patterns, route)
            else:
                yield route

    found = {
        route.removeprefix("admin") for route in walk(get_resolver().url_patterns, "") if route.startswith("admin")
    }
    return sorted(found, key=lambda route: (route.endswith(LAST), route.endswith("logout/"), route))


class Case(NamedTuple):
    """Somebody's browser, and on whose rows."""

    name: str
    browser: Client
    rows: dict[str, Any]


class Unrendered:
    """Who is answered how is asked here, thousands of times; what the pages look like others ask."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_template_response(self, request: HttpRequest, response: TemplateResponse) -> TemplateResponse:
        response.content = b""
        return response


@pytest.fixture(autouse=True)
def unrendered(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.Unrendered"]
    monkeypatch.setattr(error_pages, "problem_page", lambda request, problem: HttpResponse(status=problem.status))


@pytest.fixture
def rows(
    things: dict[type[Model], tuple[Thing, Thing]], storefront: Storefront, other_storefront: Storefront
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """By page, what stands in an address: of `au`, and of `nz`."""
    group = Group.objects.create(name="helpers")
    found = []
    for place, shop in enumerate((storefront, other_storefront)):
        keys = {model._meta.label_lower.replace(".", "/"): both[place].key for model, both in things.items()}
        person = User.objects.create_user(f"of-{shop.code}", is_staff=True)
        person.storefronts.set([shop])
        sign_ins = FailedSignIns.objects.create(
            key=shop.code, counted_by="user", username="bob", failures=1, counted_at=A_DAY, paused_until=A_DAY
        )
        keys |= {"auth/user": person.pk, "auth/group": group.pk, "orders/failedsignins": sign_ins.pk}
        found.append(keys | {"inventory_client/stock": "cup"})
    yield found[0], found[1]
    Group.objects.filter(pk=group.pk).delete()


def signed_in(role: str, name: str, *storefronts: Storefront) -> Client:
    user = User.objects.create_user(name, is_staff=True, is_superuser=role == "superuser")
    user.groups.set(Group.objects.filter(name=role))
    user.storefronts.set(storefronts)
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def page_of(route: str) -> str:
    return "/".join(route.split("/")[:2])


def address_of(route: str, rows: dict[str, Any]) -> str:
    filled = re.sub(r"<\w+:event_id>", str(rows["events/event"]), route)
    filled = filled.replace("<slug:key>", "to_confirm").replace("<int:view_id>", "1")
    filled = filled.replace("<app_label>", "orders")
    address = "/admin/" + re.sub(r"<(\w+:)?\w+>", str(rows.get(page_of(route))), filled)
    return address + f"?orders={rows['orders/order']}" if "/papers/" in route else address


def is_about_a_row(route: str) -> bool:
    return ("<" in route and not re.search("<slug:key>|<int:view_id>|app_label", route)) or "/papers/" in route


def asks(route: str, method: str, letter: str, case: str) -> bool:
    """Who may not do it anywhere is asked once, seeing all; and without a row there is none of another storefront."""
    if letter not in getattr(TABLE[route], method):
        return case == "all"
    return case != "foreign" or (is_about_a_row(route) and page_of(route) not in OF_ALL)


def expected(route: str, method: str, letter: str, case: str) -> str:
    page = page_of(route)
    if letter not in getattr(TABLE[route], method):
        return "refused"
    if route == f"{page}/{ONE}" or case == "all":
        return "allowed"
    if (route, method) in BY_UNLIMITED:
        return "refused"
    if is_about_a_row(route) and (case == "foreign" or page in OF_NONE):
        return "refused" if route in REFUSED_ABROAD else "not found"
    return "allowed"


def answered(browser: Client, address: str, method: str, wanted: str) -> str:
    response = getattr(browser, method)(address, {"version": "1"} if method == "post" else None)
    response.close()  # of a file that is streamed
    to = response.headers.get("Location", "")
    if "/login/" in to:
        return "to login"
    # The admin's own pages lead back to the first page from what does not exist.
    if response.status_code == 404 or to == "/admin/":
        return "refused" if wanted == "refused" else "not found"
    if response.status_code in (403, 405):
        return "refused"
    return "allowed"


def state() -> dict[str, str]:
    """All rows that anything here could change."""
    more = {
        model._meta.db_table: serializers.serialize("json", model._default_manager.order_by("pk"))
        for model in (User, Group, LogEntry, Entry)
    }
    return everything() | more


def test_every_address_has_a_line_here():
    lines = {f"/{route}" for route in TABLE} | LEADS_ON

    assert (set(routes()) - lines, lines - set(routes())) == (set(), set())


@pytest.mark.parametrize("letter", ROLES)
def test_who_may_do_what_where(letter, rows, storefront):
    own, foreign = rows
    limited, unlimited = signed_in(ROLES[letter], "lim", storefront), signed_in(ROLES[letter], "all")
    cases = [Case("own", limited, own), Case("foreign", limited, foreign), Case("all", unlimited, foreign)]
    asked = [
        (method, route, case, expected(route, method, letter, case.name))
        for route in (route[1:] for route in routes() if route not in LEADS_ON)
        for method in ("get", "post")
        for case in cases
        if asks(route, method, letter, case.name)
    ]
    gets = [each for each in asked if each[0] == "get"]
    refused = [each for each in asked if each[0] == "post" and each[3] != "allowed"]
    allowed = [each for each in asked if each[0] == "post" and each[3] == "allowed"]

    def wrong(some: list[tuple[str, str, Case, str]]) -> dict[tuple[str, str, str], str]:
        return {
            (method, route, case.name): f"{wanted}, but it was {answer}"
            for method, route, case, wanted in some
            if (answer := answered(case.browser, address_of(route, case.rows), method, wanted)) != wanted
        }

    assert wrong(gets) == {}
    before = state()
    assert wrong(refused) == {}
    assert state() == before
    assert wrong(allowed) == {}


@pytest.mark.parametrize("who", ["nobody signed in", "a customer"])
def test_who_is_no_staff_is_sent_to_sign_in(who, rows):
    browser = Client()
    if who == "a customer":
        browser.force_login(User.objects.create_user("cid"), backend="django.contrib.auth.backends.ModelBackend")
    before = state()

    answers = {
        (method, route): answered(browser, address_of(route[1:], rows[0]), method, "to login")
        for route in routes()
        if route not in LEADS_ON | {"/logout/"}
        for method in ("get", "post")
    }

    assert {key for key, answer in answers.items() if answer != "to login"} == set()
    assert state() == before
