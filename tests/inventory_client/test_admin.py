import re
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User

from audit.models import Entry
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Stock
from inventory_client.stock import change_stock_levels, set_stock_levels
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


CUP = "/admin/inventory_client/stock/cup/change/"


def change(units: int, *, seen: int = 1, reason: str = "a delivery") -> dict[str, str]:
    return {"change": str(units), "reason": reason, "seen_version": str(seen)}


def test_shows_what_is_on_hand_held_and_free(staff):
    set_stock_levels({"cup": 5})
    hold = HoldRequest(A, {"cup": 4}, 1, shipped={"cup": 1})
    EmbeddedLedger(hold_grace_seconds=120).hold([hold])

    listed = staff.get("/admin/inventory_client/stock/").content.decode()
    page = staff.get(CUP).content.decode()

    assert [words for words in ("On hand", "Held", "Free") if words not in listed] == []
    assert [shown(page, label) for label in ("On hand", "Held", "Free", "Away")] == [
        "4",
        "3",
        "1",
        "1 shipped, and not back on the shelf",
    ]


def test_a_level_is_called_by_its_id_as_it_is_and_can_only_be_saved(staff):
    set_stock_levels({"cup": 5})

    page = staff.get(CUP).content.decode()

    assert re.search(r"leading-5[^>]*>\s*cup\s*<", page)
    assert [name for name in ("_addanother", "_continue", "_save") if f'name="{name}"' in page] == ["_save"]
    assert re.search(r"Changed</label>.*?<time datetime=", page, re.DOTALL)


def shown(page: str, label: str) -> str:
    """The text of a field that can only be read."""
    below = page[page.index(f">{label}</label>") :]
    (text,) = re.findall(r'class="readonly[^"]*"[^>]*>\s*(.*?)\s*<', below, re.DOTALL)[:1]
    return str(text)


def test_changes_a_level_by_so_many_units_more_or_less(staff):
    set_stock_levels({"cup": 5})

    more = staff.post(CUP, change(3))
    less = staff.post(CUP, change(-2, seen=2, reason="two are broken"))

    assert (more.status_code, less.status_code) == (302, 302)
    assert _levels() == {"cup": 6}
    assert [entry.object_id for entry in LogEntry.objects.all()] == ["cup", "cup"]
    assert [(entry.by, entry.changes) for entry in Entry.objects.order_by("id")] == [
        (
            "staff:warehouse",
            [
                {"field": "on_hand", "before": 5, "after": 8},
                {"field": "reason", "before": None, "after": "a delivery"},
            ],
        ),
        (
            "staff:warehouse",
            [
                {"field": "on_hand", "before": 8, "after": 6},
                {"field": "reason", "before": None, "after": "two are broken"},
            ],
        ),
    ]
    history = staff.get("/admin/inventory_client/stock/cup/history/").content.decode()
    assert "8 → 6" in history
    assert "two are broken" in history


def test_what_somebody_else_has_changed_meanwhile_is_said_and_what_was_typed_stays(staff):
    set_stock_levels({"cup": 5})
    EmbeddedLedger(hold_grace_seconds=120).hold([HoldRequest(A, {"cup": 3})])
    change_stock_levels({"cup": 4}, reason="a delivery", by="staff:ann")

    refused = staff.post(CUP, change(4, reason="the delivery"))
    typed = refused.context["adminform"].form

    said = "Somebody has changed the stock of cup meanwhile: it is 9 on hand, 3 of them held, 6 free now."
    assert (refused.status_code, said in refused.content.decode()) == (200, True)
    assert _levels() == {"cup": 9}
    assert (typed["change"].value(), typed["reason"].value(), typed["seen_version"].value()) == (
        "4",
        "the delivery",
        "2",
    )
    assert staff.post(CUP, change(4, seen=2)).status_code == 302
    assert _levels() == {"cup": 13}


def test_what_orders_take_meanwhile_is_no_conflict(staff):
    set_stock_levels({"cup": 5})
    hold = HoldRequest(A, {"cup": 2}, 1, shipped={"cup": 2})
    EmbeddedLedger(hold_grace_seconds=120).hold([hold])

    response = staff.post(CUP, change(4))

    assert response.status_code == 302
    assert _levels() == {"cup": 7}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (change(0), "0 changes nothing"),
        (change(3, reason=" "), "This field is required"),
        (change(2**31), "less than or equal to 2147483647"),
        ({"change": "x", "reason": "a", "seen_version": "1"}, "Enter a whole number"),
        ({"change": "3", "reason": "a"}, "This field is required"),
    ],
)
def test_refuses_what_is_no_change_or_has_no_reason(staff, asked, said):
    set_stock_levels({"cup": 5})

    response = staff.post(CUP, asked)

    assert (response.status_code, said in response.content.decode()) == (200, True)
    assert _levels() == {"cup": 5}
    assert not Entry.objects.exists()


def test_who_may_only_look_changes_nothing(client):
    set_stock_levels({"cup": 5})
    user = User.objects.create_user("auditor", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_stock"))
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    page = client.get(CUP)

    assert (page.status_code, b'name="change"' in page.content) == (200, False)
    assert client.post(CUP, change(3)).status_code == 403
    assert _levels() == {"cup": 5}


def test_adds_a_product(staff):
    response = staff.post("/admin/inventory_client/stock/add/", {"product_id": "bowl", "on_hand": "4"})

    assert response.status_code == 302
    assert _levels() == {"bowl": 4}


def test_adds_no_product_over_one_that_is_there(staff):
    set_stock_levels({"cup": 5})

    response = staff.post("/admin/inventory_client/stock/add/", {"product_id": "cup", "on_hand": "4"})

    said = "There is stock of cup already: 5 on hand, 0 of them held, 5 free. Change it on its page."
    assert (response.status_code, said in response.content.decode()) == (200, True)
    assert _levels() == {"cup": 5}


def test_adds_no_product_that_could_not_be_ordered(staff):
    response = staff.post("/admin/inventory_client/stock/add/", {"product_id": "cu\x1bp", "on_hand": "4"})

    assert b"Expected neither control characters (such as a line break) nor blanks around it." in response.content
    assert _levels() == {}


def test_refuses_a_level_below_what_is_reserved_in_words(staff):
    set_stock_levels({"cup": 5})
    EmbeddedLedger(hold_grace_seconds=120).hold([HoldRequest(A, {"cup": 3})])

    response = staff.post(CUP, change(-3))

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
