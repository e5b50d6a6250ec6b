"""The second step of signing in: who is asked, what is accepted once, and the ways back for who has lost it."""

from __future__ import annotations

import io
import re
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import Entry
from audit.operator import operating_user
from audit.pages import told_changes
from orders.models import FailedSignIns
from orders.models.second_factors import set_up

PASSWORD = "a long password"
LOGIN, OWN, CODE = "/admin/login/", "/admin/second-factor/", "/admin/second-factor/code/"
ORDERS = "/admin/orders/order/"
KEY = "31" * 20


@pytest.fixture
def ann(database: None) -> User:
    return User.objects.create_superuser("ann", password=PASSWORD)


@pytest.fixture
def lead(database: None) -> User:
    user = User.objects.create_user("lea", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="lead"))
    return user


def code_of(key: str = KEY) -> str:
    """What an authenticator shows; as if some time had passed since the last one was used."""
    TOTPDevice.objects.update(last_t=-1, drift=0)
    shown = TOTP(bytes.fromhex(key))
    shown.time = time.time()
    return f"{shown.token():06}"


def wrong_code() -> str:
    """One that no authenticator shows for a while."""
    shown = TOTP(bytes.fromhex(KEY))
    soon = set()
    for step in range(-3, 20):
        shown.time = time.time() + 30 * step
        soon.add(shown.token())
    return next(f"{code:06}" for code in range(100) if code not in soon)


def with_factor(user: User) -> list[str]:
    """Give the user an authenticator; its recovery codes."""
    return set_up(user, key=KEY, code=code_of(), by="system:test")


def sign_in(user: User, browser: Client | None = None) -> Client:
    """By the password alone."""
    browser = browser or Client()
    response = browser.post(f"{LOGIN}?next={ORDERS}", {"username": user.username, "password": PASSWORD})
    assert response.status_code == 302
    return browser


def give(browser: Client, code: str, **data: Any) -> Any:
    return browser.post(CODE, {"code": code} | data)


def is_in(browser: Client) -> bool:
    return browser.get(ORDERS).status_code == 200


def test_without_a_factor_and_a_group_that_needs_one_the_password_is_enough(ann):
    assert is_in(sign_in(ann))


def test_who_has_one_is_asked_for_a_code_on_a_step_of_its_own(ann):
    with_factor(ann)
    browser = sign_in(ann)

    asked = browser.get(f"{ORDERS}?status=pending")
    page = browser.get(asked.headers["Location"])
    answer = give(browser, code_of(), next="/admin/orders/order/?status=pending")

    assert asked.headers["Location"] == f"{CODE}?next=%2Fadmin%2Forders%2Forder%2F%3Fstatus%3Dpending"
    assert 'autocomplete="one-time-code"' in page.content.decode()
    assert 'name="next" value="/admin/orders/order/?status=pending"' in page.content.decode()
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/orders/order/?status=pending")
    assert is_in(browser)


@pytest.mark.parametrize("path", ["/admin/", ORDERS, "/admin/orders/apikey/add/", "/admin/password_change/", OWN])
def test_until_then_no_page_is_open(ann, path):
    with_factor(ann)
    browser = sign_in(ann)

    for response in (browser.get(path), browser.post(path, {"do": "remove", "password": PASSWORD})):
        assert response.status_code == 302
        assert response.headers["Location"].startswith(CODE)
    assert TOTPDevice.objects.exists()


def test_who_is_asked_can_leave_or_be_somebody_else(ann, lead):
    with_factor(ann)
    browser = sign_in(ann)

    assert is_in(sign_in(lead, browser))
    browser.post("/admin/logout/")
    assert browser.get(CODE).headers["Location"].startswith(LOGIN)


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", CODE, OWN])
def test_afterwards_nobody_is_led_elsewhere(ann, elsewhere):
    with_factor(ann)

    answer = give(sign_in(ann), code_of(), next=elsewhere)

    assert answer.headers["Location"] == "/admin/"


@pytest.mark.parametrize("typed", ["", "12345", "１２３４５６", "abcdef", "-12345", "x" * 41])
def test_what_is_no_code_lets_nobody_in(ann, typed):
    with_factor(ann)
    browser = sign_in(ann)

    answer = give(browser, typed)

    assert answer.context["form"].errors
    assert not is_in(browser)


def test_a_code_with_blanks_as_telephones_show_it_is_accepted(ann):
    with_factor(ann)
    browser, code = sign_in(ann), code_of()

    give(browser, f" {code[:3]} {code[3:]} ")

    assert is_in(browser)


def test_a_code_works_once(ann):
    with_factor(ann)
    first, second = sign_in(ann), sign_in(ann)
    code = code_of()

    give(first, code)
    answer = give(second, code)

    assert (is_in(first), is_in(second)) == (True, False)
    assert "wrong, or has been used" in answer.content.decode()


def test_the_code_that_set_it_up_is_used_by_that(ann):
    code = code_of()
    set_up(ann, key=KEY, code=code, by="system:test")
    browser = sign_in(ann)

    give(browser, code)

    assert not is_in(browser)


@pytest.mark.parametrize("kind", ["code", "recovery code"])
def test_of_several_requests_with_one_code_one_is_let_in(ann, kind):
    recovery_codes = with_factor(ann)
    browsers = [sign_in(ann) for _ in range(4)]
    code = code_of() if kind == "code" else recovery_codes[0]
    begin = Barrier(4)

    def race(browser: Client) -> int:
        begin.wait()
        try:
            return int(give(browser, code).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        answers = sorted(threads.map(race, browsers))

    assert answers == [200, 200, 200, 302]
    assert sorted(map(is_in, browsers)) == [False, False, False, True]


def test_a_recovery_code_works_in_the_place_of_a_code_and_once(ann):
    codes = with_factor(ann)
    first, second = sign_in(ann), sign_in(ann)

    give(first, codes[3].upper().replace("-", " "))
    give(second, codes[3])

    assert (is_in(first), is_in(second)) == (True, False)
    assert StaticToken.objects.count() == 9


def test_who_has_few_recovery_codes_left_is_told(ann):
    codes = with_factor(ann)
    for token in StaticToken.objects.all()[:8]:
        token.delete()
    remaining = next(code for code in codes if give_once(ann, code))

    assert remaining
    assert StaticToken.objects.count() == 1


def give_once(user: User, code: str) -> bool:
    FailedSignIns.objects.all().delete()
    browser = sign_in(user)
    answer = browser.post(CODE, {"code": code}, follow=True)
    return "You have 1 recovery codes left." in answer.content.decode()


def test_recovery_codes_are_not_kept_as_they_are(ann):
    codes = with_factor(ann)

    kept = set(StaticToken.objects.values_list("token", flat=True))

    assert len(kept) == len(set(codes)) == 10
    assert kept.isdisjoint(code.replace("-", "") for code in codes)


def test_wrong_codes_make_pauses_wherever_they_come_from_and_the_password_does_not_end_them(ann):
    with_factor(ann)
    wrong = wrong_code()

    answers = [
        sign_in(ann).post(CODE, {"code": wrong}, REMOTE_ADDR=f"198.51.100.{number}").status_code for number in range(6)
    ]
    right = give(sign_in(ann), code_of())

    assert answers == [200, 200, 200, 200, 200, 429]
    assert right.status_code == 429
    assert 0 < int(right.headers["Retry-After"]) <= 60
    assert "Come back in" in right.content.decode()


def test_the_right_code_forgives_earlier_wrong_ones(ann):
    with_factor(ann)
    wrong = wrong_code()
    for _ in range(2):
        browser = sign_in(ann)
        assert [give(browser, wrong).status_code for _ in range(4)] == [200] * 4

        give(browser, code_of())

        assert is_in(browser)


def test_members_of_a_group_that_needs_one_set_it_up_before_anything_else(lead, settings):
    settings.SECOND_FACTOR_GROUPS = ["lead"]
    browser = sign_in(lead)

    asked = browser.get(ORDERS)
    page = browser.get(asked.headers["Location"])
    again = browser.get(OWN)
    key = browser.session["second_factor_offered"]
    done = browser.post(OWN, {"do": "set_up", "code": code_of(key), "password": PASSWORD, "next": ORDERS})

    assert asked.headers["Location"] == f"{OWN}?next=%2Fadmin%2Forders%2Forder%2F"
    html = page.content.decode()
    assert "<svg" in html
    assert "Your groups need one." in html
    assert ORDERS not in html.replace("/admin/second-factor/?next=", "").replace(f'value="{ORDERS}"', "")
    assert page.context["key"] != again.context["key"]  # somebody may have seen that one
    codes = done.context["codes"]
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[a-z2-7]{4}(-[a-z2-7]{4}){3}", code) for code in codes)
    assert "no-store" in done.headers["Cache-Control"]
    assert f'href="{ORDERS}"' in done.content.decode()
    assert is_in(browser)


def test_a_session_from_before_it_was_required_meets_it(lead, settings):
    browser = sign_in(lead)
    assert is_in(browser)

    settings.SECOND_FACTOR_GROUPS = ["lead"]

    assert browser.get(ORDERS).headers["Location"].startswith(OWN)


def test_a_session_from_before_it_was_set_up_meets_it(ann):
    browser = sign_in(ann)
    assert is_in(browser)

    with_factor(ann)

    assert browser.get(ORDERS).headers["Location"].startswith(CODE)


@pytest.mark.parametrize(
    ("named", "asked"),
    [([], set()), (["support"], {"ann"}), (["lead"], {"ann", "lea"}), (["*"], {"ann", "lea", "bob"})],
)
def test_the_setting_says_who_needs_one_and_superusers_do_as_soon_as_anybody(ann, lead, settings, named, asked):
    bob = User.objects.create_superuser("bob", password=PASSWORD)
    User.objects.filter(pk=bob.pk).update(is_superuser=False)
    settings.SECOND_FACTOR_GROUPS = named

    browsers = {user.username: sign_in(user) for user in (ann, lead, bob)}

    found = {name for name, browser in browsers.items() if browser.get("/admin/").status_code == 302}
    assert found == asked


def test_nothing_is_set_up_by_a_wrong_code_or_without_the_password(ann):
    browser = sign_in(ann)
    browser.get(OWN)
    key = browser.session["second_factor_offered"]

    wrong = browser.post(OWN, {"do": "set_up", "code": wrong_code(), "password": PASSWORD})
    without = browser.post(OWN, {"do": "set_up", "code": code_of(key), "password": "guessed"})

    assert list(wrong.context["form"].errors) == ["code"]
    assert list(without.context["form"].errors) == ["password"]
    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()


def test_guessing_the_password_there_makes_pauses_too(ann):
    browser = sign_in(ann)
    browser.get(OWN)

    answers = [
        browser.post(OWN, {"do": "set_up", "code": "123456", "password": "guessed"}).status_code for _ in range(6)
    ]

    assert answers == [200] * 5 + [429]


def test_the_key_is_offered_to_one_session_alone(ann):
    one, other = sign_in(ann), sign_in(ann)

    shown = [browser.get(OWN).context["key"] for browser in (one, other)]

    assert shown[0] != shown[1]


def test_what_is_not_required_can_be_removed_with_the_password(ann):
    with_factor(ann)
    browser = sign_in(ann)
    give(browser, code_of())

    refused = browser.post(OWN, {"do": "remove", "password": "guessed"})
    done = browser.post(OWN, {"do": "remove", "password": PASSWORD})

    assert list(refused.context["form"].errors) == ["password"]
    assert done.status_code == 302
    assert not TOTPDevice.objects.exists()
    assert is_in(sign_in(ann))


def test_what_is_required_cannot_be_removed(lead, settings):
    with_factor(lead)
    settings.SECOND_FACTOR_GROUPS = ["lead"]
    browser = sign_in(lead)
    give(browser, code_of())

    page = browser.post(OWN, {"do": "remove", "password": PASSWORD})

    assert TOTPDevice.objects.exists()
    assert 'value="remove"' not in page.content.decode()


def test_new_recovery_codes_take_the_place_of_the_old_ones(ann):
    old = with_factor(ann)
    browser = sign_in(ann)
    give(browser, code_of())

    new = browser.post(OWN, {"do": "renew", "password": PASSWORD}).context["codes"]

    with_old, with_new = sign_in(ann), sign_in(ann)
    give(with_old, old[0])
    give(with_new, new[0])
    assert (is_in(with_old), is_in(with_new)) == (False, True)


def test_another_authenticator_takes_the_place_of_the_one_before(ann):
    with_factor(ann)
    browser = sign_in(ann)
    give(browser, code_of())

    browser.post(OWN, {"do": "replace"})
    key = browser.session["second_factor_offered"]
    browser.post(OWN, {"do": "set_up", "code": code_of(key), "password": PASSWORD})

    with_old, with_new = sign_in(ann), sign_in(ann)
    give(with_old, code_of())
    give(with_new, code_of(key))
    assert (is_in(browser), is_in(with_old), is_in(with_new)) == (True, False, True)


def test_who_may_change_an_account_resets_its_factor_and_that_is_logged(ann, lead):
    with_factor(lead)
    session = sign_in(lead)
    give(session, code_of())
    admin = sign_in(ann)
    page = f"/admin/auth/user/{lead.pk}/reset-second-factor/"

    offered = admin.get(f"/admin/auth/user/{lead.pk}/change/").content.decode()
    told = admin.get(page).content.decode()
    admin.post(page)

    assert f'href="{page}"' in offered
    assert "signs in with the password alone" in told
    assert not TOTPDevice.objects.exists()
    assert is_in(sign_in(lead))
    entry = Entry.objects.order_by("-id")[0]
    assert (entry.by, entry.name, entry.action) == ("staff:ann", "lea", "Second factor removed")
    changes = [str(change) for change in told_changes(entry)]
    assert changes[0].startswith("second factor: set up on ")
    assert changes[1] == "recovery codes changed"


def test_nobody_else_resets_it_and_nobody_their_own(ann, lead):
    with_factor(ann)
    keeper = User.objects.create_user("will", password=PASSWORD, is_staff=True)
    keeper.user_permissions.set(
        Group.objects.get(name="support").permissions.model.objects.filter(codename__in=["view_user", "change_user"])
    )
    page = f"/admin/auth/user/{ann.pk}/reset-second-factor/"
    own = sign_in(ann)
    give(own, code_of())

    answers = [sign_in(lead).post(page).status_code, sign_in(keeper).post(page).status_code, own.post(page).status_code]

    assert answers == [403, 403, 403]
    assert TOTPDevice.objects.exists()
    assert page not in own.get(f"/admin/auth/user/{ann.pk}/change/").content.decode()


def test_a_reset_factor_is_set_up_anew_by_who_needs_one_also_in_a_session_that_had_met_it(lead, settings):
    settings.SECOND_FACTOR_GROUPS = ["lead"]
    with_factor(lead)
    session = sign_in(lead)
    give(session, code_of())
    assert is_in(session)

    call_command("second_factor", "reset", "lea", stdout=io.StringIO())

    assert session.get(ORDERS).headers["Location"].startswith(OWN)


def test_the_last_superuser_gets_back_by_a_command(ann):
    with_factor(ann)
    out = io.StringIO()

    call_command("second_factor", "list", stdout=out)
    call_command("second_factor", "reset", "ann", stdout=out)
    call_command("second_factor", "reset", "ann", stdout=out)

    lines = out.getvalue().splitlines()
    assert re.fullmatch(r"ann  set up \d{4}-\d\d-\d\d, 10 recovery codes left", lines[0])
    assert lines[1:] == ["Reset the second factor of ann.", "ann has none."]
    assert is_in(sign_in(ann))
    assert Entry.objects.order_by("-id")[0].by == f"system:second_factor (by {operating_user()})"
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        call_command("second_factor", "reset", "nobody")


def test_the_history_of_an_account_keeps_neither_keys_nor_codes(ann):
    codes = with_factor(ann)

    kept = str(list(Entry.objects.values()))
    assert [
        secret for secret in (KEY, *codes, *StaticToken.objects.values_list("token", flat=True)) if secret in kept
    ] == []
    assert "second factor: – → set up on" in " ".join(
        str(change) for entry in Entry.objects.all() for change in told_changes(entry)
    )


def test_the_api_knows_nothing_of_it(api, settings):
    settings.SECOND_FACTOR_GROUPS = ["*"]

    assert api.get("/api/v1/orders").status_code == 200


def test_a_group_that_is_not_there_is_warned_of(database, settings):
    settings.SECOND_FACTOR_GROUPS = ["lead", "leed", "*"]

    found = [message for message in run_checks(databases=["default"]) if message.id == "orders_project.W005"]

    assert [message.msg for message in found] == [
        "SECOND_FACTOR_GROUPS names 'leed', and there is no such group: it asks nobody for a second factor."
    ]


@pytest.mark.parametrize("path", [CODE, OWN])
def test_its_pages_have_no_script_of_their_own_and_load_nothing_from_elsewhere(ann, path):
    with_factor(ann)
    browser = sign_in(ann)
    if path == OWN:
        give(browser, code_of())

    pages = [browser.get(path), *([browser.post(OWN, {"do": "replace"})] if path == OWN else [])]

    for page in pages:
        html = page.content.decode()
        assert page.headers["Content-Security-Policy"].startswith("default-src 'self'; script-src 'self'")
        assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', html) == []
        assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", html) == []
