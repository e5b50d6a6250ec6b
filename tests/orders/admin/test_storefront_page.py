"""Storefronts: how their orders are confirmed, refunded, completed and followed, and who of the staff sees them."""

import pytest
from django.contrib.auth.models import User

from orders.models import Carrier, Storefront

NEW = {
    "code": "nz",
    "name": "New Zealand",
    "number_prefix": "NZ",
    "currency": "NZD",
    "confirmation_policy": "manual",
    "customer_policy": "refuse",
    "carriers-TOTAL_FORMS": "0",
    "carriers-INITIAL_FORMS": "0",
}


def page_of(storefront):
    return f"/admin/orders/storefront/{storefront.pk}/change/"


def test_a_storefront_is_added_and_renamed_but_keeps_its_code(admin):
    admin.post("/admin/orders/storefront/add/", NEW)
    storefront = Storefront.objects.get()

    admin.post(page_of(storefront), NEW | {"code": "xx", "name": "Aotearoa", "currency": ""})

    storefront.refresh_from_db()
    assert (storefront.code, storefront.name, storefront.currency) == ("nz", "Aotearoa", "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "No Good"),
        ("number_prefix", "nz!"),
        ("currency", "QQQ"),
        ("name", ""),
        ("confirmation_policy", "never"),
        ("customer_policy", "never"),
        ("refund_approval_above", "much"),
        ("complete_after_days", "-1"),
    ],
)
def test_a_storefront_that_is_wrong_is_not_added(admin, field, value):
    page = admin.post("/admin/orders/storefront/add/", NEW | {field: value})

    assert list(page.context["adminform"].errors) == [field]
    assert not Storefront.objects.exists()


def test_a_storefront_cannot_be_removed(admin, storefront):
    assert admin.post(f"/admin/orders/storefront/{storefront.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Storefront.objects.exists()


def test_its_policies_are_set_with_amounts_as_people_write_them(admin, storefront):
    policies = {"confirmation_policy": "on_payment", "refund_approval_above": "12.50", "complete_after_days": "14"}
    policies["customer_policy"] = "accept"

    admin.post(page_of(storefront), NEW | policies)
    page = admin.get(page_of(storefront))

    storefront.refresh_from_db()
    assert (storefront.confirmation_policy, storefront.refund_approval_above) == ("on_payment", 1250)
    assert (storefront.complete_after_days, storefront.customer_policy) == (14, "accept")
    assert page.context["adminform"].form["refund_approval_above"].value() == "12.50"


def test_without_limit_and_days_nothing_is_asked_or_completed(admin, storefront):
    Storefront.objects.update(refund_approval_above=1250, complete_after_days=14)

    admin.post(page_of(storefront), NEW)

    storefront.refresh_from_db()
    assert (storefront.refund_approval_above, storefront.complete_after_days) == (None, None)


def test_the_lead_sees_which_refunds_need_approval_and_cannot_change_it(staff, storefront):
    Storefront.objects.update(refund_approval_above=1250)
    lead = staff("lead")

    page = lead.get(page_of(storefront))
    lead.post(page_of(storefront), NEW | {"name": "Down under", "refund_approval_above": "99999"})

    assert "12.50" in page.content.decode()
    storefront.refresh_from_db()
    assert (storefront.name, storefront.refund_approval_above) == ("Down under", 1250)


def test_the_lead_says_where_its_carriers_are_followed(staff, storefront):
    carrier = {
        "carriers-TOTAL_FORMS": "1",
        "carriers-0-name": "Rocket",
        "carriers-0-tracking_link_template": "https://rocket.example/{tracking_number}",
    }
    lead = staff("lead")

    lead.post(page_of(storefront), NEW | carrier)
    wrong = lead.post(
        page_of(storefront),
        NEW | carrier | {"carriers-0-name": "Slow", "carriers-0-tracking_link_template": "https://slow.example/"},
    )

    assert list(Carrier.objects.values_list("storefront__code", "name")) == [("au", "Rocket")]
    assert "An http(s) address with {tracking_number} in it." in wrong.content.decode()


def test_only_superusers_say_which_staff_see_it(admin, staff, storefront):
    bob = User.objects.create_user("bob", is_staff=True)
    lead = staff("lead")

    lead.post(page_of(storefront), NEW | {"staff": [bob.pk]})
    by_lead = list(storefront.staff.all())
    admin.post(page_of(storefront), NEW | {"staff": [bob.pk]})

    assert by_lead == []
    assert list(storefront.staff.all()) == [bob]


def test_a_users_page_has_the_storefronts_and_superusers_alone_choose_them(admin, staff, storefront, other_storefront):
    bob = User.objects.create_user("bob", is_staff=True)
    url = f"/admin/auth/user/{bob.pk}/change/"
    data = {"username": "bob", "is_active": "on", "is_staff": "on"}
    data |= {"date_joined_0": "2026-01-01", "date_joined_1": "10:00:00"}
    clerk = staff("auditor", permissions=["view_user", "change_user"])

    admin.post(url, data | {"storefronts": [storefront.pk]})
    clerk.post(url, data | {"storefronts": [other_storefront.pk]})
    page = clerk.get(url).content.decode()

    assert list(bob.storefronts.all()) == [storefront]
    assert "Storefronts" in page
    assert 'name="storefronts"' not in page


def test_a_retired_currency_cannot_be_chosen_and_one_that_is_there_stays(admin, storefront):
    page = admin.post("/admin/orders/storefront/add/", NEW | {"currency": "HRK"})
    assert list(page.context["adminform"].errors) == ["currency"]
    Storefront.objects.update(currency="BGN")

    admin.post(page_of(storefront), NEW | {"name": "Sofia", "currency": "BGN"})

    storefront.refresh_from_db()
    assert (storefront.name, storefront.currency) == ("Sofia", "BGN")
