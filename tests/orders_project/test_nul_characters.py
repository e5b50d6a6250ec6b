"""U+0000 wherever an address can hold it: refused, or nothing found; never a failure of ours."""

from __future__ import annotations

import itertools

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import User
from django.test import Client

from orders.models import Order

LISTS = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in django_admin.site._registry]
PARAMETERS = ["state", "status", "q", "p", "o", "e", "type", "storefront__id__exact", "id__in", "_changelist_filters"]
PATHS = [
    "/",
    "/api/",
    "/api/redoc/",
    "/api/schema/",
    "/api/problems",
    "/api/events/schemas/",
    "/api/events/schemas/%00.json",
    "/api/v1/%00",
    "/api/v1/orders",
    "/api/v1/orders/%00",
    "/api/v1/orders/%00/timeline",
    "/api/v1/orders/%00/actions",
    "/api/v1/orders/{id}",
    "/api/v1/orders/{id}/timeline",
    "/api/v1/orders/{id}/actions",
    "/order/%00",
    "/order/{id}",
    "/healthz",
    "/readyz",
    "/metrics",
    "/static/%00",
    "/%00",
]
QUERIES = [
    *("cursor", "limit", "ordering", "status", "customer_id", "external_reference", "number", "placed_after"),
    *("version", "before", "reason", "format", "lang", "%00"),
]


@pytest.fixture
def admin(database: None) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("ann"), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("path", LISTS)
def test_no_list_of_the_back_office_is_asked_for_it(admin: Client, path: str) -> None:
    answers = {name: admin.get(f"{path}?{name}=a%00").status_code for name in [*PARAMETERS, "%00"]}

    assert answers == dict.fromkeys([*PARAMETERS, "%00"], 400)


@pytest.mark.parametrize("path", LISTS)
def test_no_page_of_the_back_office_is_looked_for_by_it(admin: Client, path: str) -> None:
    pages = ["%00/", "a%00b/change/", "%00/delete/", "%00/history/", "add/?name=%00"]

    assert {page: admin.get(path + page).status_code for page in pages} == dict.fromkeys(pages, 400)


@pytest.mark.parametrize("path", ["/admin/login/?next=%00", "/admin/autocomplete/?term=%00", "/admin/search/?s=%00"])
def test_neither_is_any_other_page_also_by_nobody_in_particular(admin: Client, path: str) -> None:
    stranger = Client(raise_request_exception=False)

    answers = [admin.get(path), stranger.get(path)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].content == (
        b"The address or the form holds the character U+0000, which no text here can. Go back, and remove it."
    )


def test_no_form_brings_it_in(admin: Client, place_order) -> None:
    order_id = place_order(cup=1)["id"]
    forms = {
        "/admin/auth/group/": {"action": "delete_selected", "_selected_action": ["1", "\0"], "index": "0"},
        f"/admin/orders/order/{order_id}/change_details/": {"note": "Ring\0twice"},
        "/admin/login/": {"username": "ann\0", "password": "\0"},
    }

    assert {path: admin.post(path, form).status_code for path, form in forms.items()} == dict.fromkeys(forms, 400)
    assert Order.objects.get().note == ""


@pytest.mark.parametrize("path", PATHS)
def test_whatever_else_is_asked_with_it_is_refused_or_goes_without(api: Client, place_order, path: str) -> None:
    path = path.replace("{id}", place_order(cup=1)["id"])
    api.raise_request_exception = False

    answers = [
        api.generic(method, f"{path}?{name}=%00", content_type="application/json").status_code
        for method, name in itertools.product(("GET", "POST", "PUT", "PATCH"), QUERIES)
    ]

    assert [status for status in answers if status >= 500] == []


@pytest.mark.parametrize("name", ["status", "customer_id", "external_reference", "number", "placed_after", "cursor"])
def test_a_list_of_orders_narrowed_by_it_is_a_400(api: Client, name: str) -> None:
    answer = api.get(f"/api/v1/orders?{name}=%00")

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert [error["pointer"] for error in answer.json()["errors"]] == [name]
