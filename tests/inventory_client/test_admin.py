from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User

from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Stock
from inventory_client.stock import set_stock_levels
from inventory_client.values import HoldRequest

A = UUID("01920000-0000-7000-8000-00000000000a")

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    """A client logged in as somebody who may see and set stock and see reservations."""
    user = User.objects.create_user("warehouse", is_staff=True)
    names = ["view_stock", "add_stock", "change_stock", "view_reservation"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _levels() -> dict[str, int]:
    return dict(Stock.objects.values_list("product_id", "on_hand"))


def test_lists_stock_and_finds_a_product_by_its_exact_id(staff):
    set_stock_levels({"cup": 5, "cupboard": 7})

    everything = staff.get("/admin/inventory_client/stock/")
    found = staff.get("/admin/inventory_client/stock/", {"q": "cup"})

    assert b"cupboard" in everything.content
    assert found.status_code == 200
    assert [row.product_id for row in found.context["cl"].result_list] == ["cup"]


def test_lists_without_counting_the_table(staff, django_assert_max_num_queries):
    with django_assert_max_num_queries(20) as queries:
        staff.get("/admin/inventory_client/stock/")
        staff.get("/admin/inventory_client/reservation/")

    assert not [query for query in queries.captured_queries if "COUNT(" in query["sql"].upper()]


def test_sets_a_level(staff):
    set_stock_levels({"cup": 5})

    response = staff.post("/admin/inventory_client/stock/cup/change/", {"on_hand": "8"})

    assert response.status_code == 302
    assert _levels() == {"cup": 8}
    assert LogEntry.objects.get().object_id == "cup"


def test_adds_a_product(staff):
    response = staff.post("/admin/inventory_client/stock/add/", {"product_id": "bowl", "on_hand": "4"})

    assert response.status_code == 302
    assert _levels() == {"bowl": 4}


def test_adds_no_product_that_could_not_be_ordered(staff):
    response = staff.post("/admin/inventory_client/stock/add/", {"product_id": "cu\x1bp", "on_hand": "4"})

    assert b"Expected neither control characters (such as a line break) nor blanks around it." in response.content
    assert _levels() == {}


def test_refuses_a_level_below_what_is_reserved_in_words(staff):
    set_stock_levels({"cup": 5})
    EmbeddedLedger(hold_grace_seconds=120).hold([HoldRequest(A, {"cup": 3})])

    response = staff.post("/admin/inventory_client/stock/cup/change/", {"on_hand": "2"})

    assert response.status_code == 200
    assert b"cup: 3 units are reserved, so 2 on hand are too few" in response.content
    assert _levels() == {"cup": 5}


def test_a_reservation_can_be_found_and_read_but_not_changed(staff):
    set_stock_levels({"cup": 5})
    EmbeddedLedger(hold_grace_seconds=120).hold([HoldRequest(A, {"cup": 3})])

    listed = staff.get("/admin/inventory_client/reservation/", {"q": str(A)})
    nothing = staff.get("/admin/inventory_client/reservation/", {"q": "no uuid"})
    page = staff.get(f"/admin/inventory_client/reservation/{A}/change/")
    post = staff.post(f"/admin/inventory_client/reservation/{A}/change/", {"state": "released"})

    assert len(listed.context["cl"].result_list) == 1
    assert len(nothing.context["cl"].result_list) == 0
    assert b"cup" in page.content
    assert post.status_code == 403


def test_with_a_service_elsewhere_there_is_nothing_to_see(staff, settings):
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    assert staff.get("/admin/inventory_client/stock/").status_code == 403
    assert staff.get("/admin/inventory_client/reservation/").status_code == 403
