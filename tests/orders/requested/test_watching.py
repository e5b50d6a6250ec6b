"""Whoever looks after the service sees requested orders that wait for too long, or for a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from events.models import PARKED
from orders.doctor import Extent, Severity, examine
from orders.models import Order, RequestedOrder
from orders.operations import place_requested
from tests.orders.asking import read

PAGE = "/admin/orders/requestedorder/"


@pytest.fixture
def lead(database: None) -> Client:
    user = User.objects.create_user("lena", is_staff=True)
    user.groups.set([Group.objects.get(name="lead")])
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def late_and_parked(ask_for: Any) -> tuple[UUID, UUID]:
    late, parked = (UUID(ask_for(cup=1).json()["id"]) for _ in range(2))
    RequestedOrder.objects.filter(pk=late).update(requested_at=timezone.now() - timedelta(seconds=5000))
    RequestedOrder.objects.filter(pk=parked).update(next_attempt_at=PARKED, attempts=8, last_error="KeyError: 'x'")
    return late, parked


def test_readiness_tells_them(late_and_parked):
    answer = Client().get("/readyz").json()

    told = answer["checks"]["requested_orders"]
    assert (answer["status"], told["status"]) == ("degraded", "degraded")
    assert "1 wait, the oldest for 5" in told["detail"]
    assert told["detail"].endswith("Parked are 1: they wait for a person.")


def test_the_metrics_count_them(late_and_parked, ask_for, settings):
    settings.METRICS_TOKEN = "s3cret"
    ask_for(cup=1, key="k")
    assert place_requested().rejected == 2

    page = Client().get("/metrics", headers={"Authorization": "Bearer s3cret"}).content.decode()

    samples = {
        (sample.name, sample.labels.get("state")): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert [samples["orders_requested", state] for state in ("waiting", "parked", "rejected")] == [0, 1, 2]
    assert samples["orders_requested_lag_seconds", None] == 0


def test_the_doctor_names_them(late_and_parked):
    late, parked = late_and_parked

    found = {found.code: found for found in examine(Extent()).of(Severity.WARNING)}

    assert found.keys() == {"requests_late", "requests_parked"}
    assert [finding.order_id for finding in found["requests_late"].examples] == [late]
    (finding,) = found["requests_parked"].examples
    assert (finding.order_id, finding.detail.endswith("failed 8 times: KeyError: 'x'")) == (parked, True)


def test_staff_see_why_and_try_again(lead, late_and_parked, stock):
    stock(cup=5)
    _, parked = late_and_parked

    overview, listed = lead.get("/admin/").content.decode(), lead.get(f"{PAGE}?state=parked").content.decode()
    lead.post(PAGE, {"action": "try_again", "_selected_action": [str(parked)]})

    assert "Requested orders parked" in overview
    assert ("KeyError: &#x27;x&#x27;" in listed, listed.count('action-select"')) == (True, 1)
    assert place_requested() == (2, 0, 0)
    assert Order.objects.filter(pk=parked).exists()
    assert LogEntry.objects.get().object_id == str(parked)


def test_staff_give_up_and_that_is_told(lead, late_and_parked, api):
    _, parked = late_and_parked

    lead.post(PAGE, {"action": "give_up", "_selected_action": [str(parked)]})

    assert read(api, str(parked))["problem"]["code"] == "request_given_up"
    assert RequestedOrder.objects.waiting().count() == 1


def test_staff_see_one_and_nothing_of_what_was_asked_for(lead, ask_for):
    order_id = ask_for(cup=1, note="secret-note").json()["id"]

    page = lead.get(f"{PAGE}{order_id}/change/").content.decode()

    assert (order_id in page, "cus123" in page, "secret-note" in page) == (True, True, False)


def test_staff_of_another_storefront_see_none(lead, ask_for, other_storefront):
    User.objects.get(username="lena").storefronts.set([other_storefront])
    order_id = ask_for(cup=1).json()["id"]

    assert order_id not in lead.get(PAGE).content.decode()
    lead.post(PAGE, {"action": "give_up", "_selected_action": [order_id]})
    assert RequestedOrder.objects.waiting().count() == 1
