"""Nobody hands out what they don't have: not by the pages, and not by requests that no page would send."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from orders.models import Storefront
from orders.rules.staff_groups import GROUPS as STAFF_GROUPS

PEOPLE = ["view_user", "add_user", "change_user", "delete_user"]
GROUPS = ["view_group", "add_group", "change_group", "delete_group"]
NEW = {"username": "new", "usable_password": "true", "password1": "long-enough-9", "password2": "long-enough-9"}


@pytest.fixture(autouse=True)
def no_more_groups(database):
    """Groups stay from test to test, since those of the service are made with its tables."""
    yield
    Group.objects.exclude(name__in=STAFF_GROUPS).delete()


@pytest.fixture
def keeper(staff):
    """A browser with Will, who keeps the accounts of the support: `keeper(storefronts)` or of all storefronts."""

    def sign_in(*storefronts, group="support"):
        client = staff(group, permissions=PEOPLE + GROUPS)
        User.objects.filter(username=group).update(username="will")
        User.objects.get(username="will").storefronts.set(storefronts)
        return client

    return sign_in


@pytest.fixture
def person(database):
    """An account: `person("eve", "lead", is_active=False)`."""

    def make(username, *groups, storefronts=(), **flags):
        user = User.objects.create_user(username, is_staff=True, **flags)
        user.groups.set(Group.objects.filter(name__in=groups))
        user.storefronts.set(storefronts)
        return user

    return make


def page_of(user):
    return f"/admin/auth/user/{user.pk}/change/"


def account(user, **changed):
    """What the page of an account sends."""
    return {
        "username": user.username,
        "is_active": "on",
        "is_staff": "on",
        "groups": [group.pk for group in user.groups.all()],
        "user_permissions": [permission.pk for permission in user.user_permissions.all()],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        **changed,
    }


def all_of(user):
    """What there is to gain or to lose."""
    user = User.objects.get(pk=user.pk)
    return (
        user.username, user.password, user.email, user.is_active, user.is_superuser,
        set(user.groups.values_list("name", flat=True)), set(user.user_permissions.values_list("codename", flat=True)),
        set(user.storefronts.values_list("code", flat=True)),
    )  # fmt: skip


def test_somebody_who_keeps_accounts_changes_those_of_their_equals(keeper, person):
    client, bob = keeper(), person("bob")

    client.post(page_of(bob), account(bob, email="bob@example.com", groups=[Group.objects.get(name="support").pk]))
    client.post(f"/admin/auth/user/{bob.pk}/password/", {**NEW, "password1": "longer-9-xx", "password2": "longer-9-xx"})

    bob.refresh_from_db()
    assert (bob.email, [group.name for group in bob.groups.all()]) == ("bob@example.com", ["support"])
    assert bob.check_password("longer-9-xx")


@pytest.mark.parametrize("asked", ["superuser", "group", "permission"])
def test_nobody_gives_what_they_lack_and_least_of_all_to_themselves(keeper, person, asked):
    client = keeper()
    gains: dict[str, dict[str, object]] = {
        "superuser": {"is_superuser": "on"},
        "group": {"groups": [Group.objects.get(name="lead").pk]},
        "permission": {"user_permissions": [Permission.objects.get(codename="approve_refund").pk]},
    }

    for user in (person("bob"), User.objects.get(username="will")):
        before = all_of(user)
        client.post(page_of(user), account(user, **gains[asked]))
        assert all_of(user) == before


@pytest.mark.parametrize("above", ["superuser", "lead", "lead who is switched off"])
def test_the_account_of_somebody_who_may_more_is_not_changed(keeper, person, above):
    client = keeper()
    eve = person("eve", *([] if above == "superuser" else ["lead"]), is_superuser=above == "superuser")
    User.objects.filter(pk=eve.pk).update(is_active="off" not in above)
    before = all_of(eve)

    codes = [
        client.get(page_of(eve)).status_code,
        client.post(page_of(eve), account(eve, email="will@example.com", groups=[])).status_code,
        client.post(f"/admin/auth/user/{eve.pk}/password/", NEW).status_code,
        client.post(f"/admin/auth/user/{eve.pk}/delete/", {"post": "yes"}).status_code,
    ]

    assert codes == [200, 403, 403, 403]
    assert all_of(eve) == before


def test_several_accounts_are_not_deleted_when_one_may_more(keeper, person):
    client, bob, eve = keeper(), person("bob"), person("eve", "lead")
    chosen = {"action": "delete_selected", "post": "yes"}

    both = client.post("/admin/auth/user/", {**chosen, "_selected_action": [bob.pk, eve.pk]})
    one = client.post("/admin/auth/user/", {**chosen, "_selected_action": [bob.pk]})

    assert (both.status_code, one.status_code) == (403, 302)
    assert set(User.objects.values_list("username", flat=True)) == {"will", "eve"}


def test_several_groups_are_not_deleted_when_one_may_more(keeper):
    client, mine = keeper(), Group.objects.create(name="mine")
    lead = Group.objects.get(name="lead")
    chosen = {"action": "delete_selected", "post": "yes"}

    both = client.post("/admin/auth/group/", {**chosen, "_selected_action": [mine.pk, lead.pk]})
    one = client.post("/admin/auth/group/", {**chosen, "_selected_action": [mine.pk]})

    assert (both.status_code, one.status_code) == (403, 302)
    assert not Group.objects.filter(name="mine").exists()
    assert Group.objects.filter(name="lead").exists()


def test_a_new_account_has_nothing_that_was_not_on_its_page(keeper):
    lead = Group.objects.get(name="lead")

    keeper().post("/admin/auth/user/add/", NEW | {"is_superuser": "on", "is_staff": "on", "groups": [lead.pk]})

    new = User.objects.get(username="new")
    assert (new.is_superuser, new.is_staff, new.groups.count()) == (False, False, 0)


def test_a_new_account_sees_no_more_than_who_made_it(keeper, storefront, other_storefront):
    keeper(storefront).post("/admin/auth/user/add/", NEW | {"storefronts": [other_storefront.pk]})

    assert [shop.code for shop in User.objects.get(username="new").storefronts.all()] == ["au"]


def test_who_sees_some_storefronts_changes_nobody_who_sees_others(keeper, person, storefront, other_storefront):
    client = keeper(storefront)
    people = {
        "all": person("all"),
        "other": person("other", storefronts=[other_storefront]),
        "both": person("both", storefronts=[storefront, other_storefront]),
        "same": person("same", storefronts=[storefront]),
    }

    codes = {
        name: client.post(f"/admin/auth/user/{user.pk}/password/", NEW).status_code for name, user in people.items()
    }

    assert codes == {"all": 404, "other": 404, "both": 404, "same": 302}


def test_a_superuser_who_sees_some_storefronts_gives_no_more_of_them(database, storefront, other_storefront):
    ann = User.objects.create_superuser("ann")
    ann.storefronts.set([storefront])
    client = Client()
    client.force_login(ann, backend="django.contrib.auth.backends.ModelBackend")
    shop = {
        "name": "Australia", "number_prefix": "AU", "currency": "AUD", "confirmation_policy": "manual",
        "customer_policy": "refuse", "staff": [],
        "carriers-TOTAL_FORMS": "0", "carriers-INITIAL_FORMS": "0",
    }  # fmt: skip

    for storefronts in ([], [storefront.pk, other_storefront.pk]):
        client.post(page_of(ann), account(ann, is_superuser="on", storefronts=storefronts))
    answer = client.post(f"/admin/orders/storefront/{storefront.pk}/change/", shop)

    assert answer.status_code == 302
    assert list(ann.storefronts.values_list("code", flat=True)) == ["au"]
    assert Storefront.objects.get(code="au").staff.count() == 1


def test_a_group_gets_nothing_that_its_maker_lacks(keeper):
    client, lead = keeper(), Group.objects.get(name="lead")
    wanted = [Permission.objects.get(codename=name).pk for name in ("cancel_order", "approve_refund")]
    before = set(lead.permissions.all())

    codes = [
        client.post("/admin/auth/group/add/", {"name": "mine", "permissions": wanted}).status_code,
        client.post(f"/admin/auth/group/{lead.pk}/change/", {"name": "lead", "permissions": []}).status_code,
        client.post(f"/admin/auth/group/{lead.pk}/delete/", {"post": "yes"}).status_code,
        client.post("/admin/auth/group/add/", {"name": "mine", "permissions": wanted[:1]}).status_code,
    ]

    assert codes == [200, 403, 403, 302]
    assert set(lead.permissions.all()) == before
    assert [permission.codename for permission in Group.objects.get(name="mine").permissions.all()] == ["cancel_order"]


def test_who_sees_some_storefronts_makes_and_changes_no_group(keeper, storefront):
    client, group = keeper(storefront), Group.objects.create(name="none yet")

    codes = [
        client.post("/admin/auth/group/add/", {"name": "mine"}).status_code,
        client.post(f"/admin/auth/group/{group.pk}/change/", {"name": "mine"}).status_code,
        client.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}).status_code,
    ]

    assert codes == [403, 403, 403]


def test_an_account_keeps_its_name_for_it_stands_for_the_person(database, person):
    """With another one somebody could approve what they have requested themselves."""
    root, ann = User.objects.create_superuser("root"), person("ann")
    client = Client()
    client.force_login(root)

    saved = client.post(page_of(ann), account(ann, username="somebody-else", first_name="Ann"))

    changed = User.objects.get(pk=ann.pk)
    assert (saved.status_code, changed.username, changed.first_name) == (302, "ann", "Ann")


def test_even_who_has_every_permission_there_is_neither_makes_nor_changes_a_superuser(keeper, person):
    client, will = keeper(), User.objects.get(username="will")
    will.user_permissions.set(Permission.objects.all())
    root, bob = person("root", is_superuser=True), person("bob")
    before = all_of(root), all_of(bob), all_of(will)

    codes = [
        client.post(page_of(root), account(root, groups=[Group.objects.get(name="lead").pk])).status_code,
        client.post(f"/admin/auth/user/{root.pk}/password/", NEW).status_code,
        client.post(f"/admin/auth/user/{root.pk}/delete/", {"post": "yes"}).status_code,
    ]
    for user in (bob, will):
        client.post(page_of(user), account(user, is_superuser="on"))

    assert codes == [403, 403, 403]
    assert (all_of(root), all_of(bob), all_of(will)) == before
