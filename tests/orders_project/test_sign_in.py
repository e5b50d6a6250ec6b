"""Signing in, and what guessing passwords comes to: through the page, by requests from several addresses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, BoundedSemaphore, Event
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test import Client

from orders.models import FailedSignIns

HOME, AWAY = "203.0.113.9", "198.51.100.7"
PASSWORD = "a long password"


@pytest.fixture
def ann(database: None) -> User:
    return User.objects.create_superuser("ann", password=PASSWORD)


def sign_in(username: str, password: str = "wrong", *, address: str = HOME, browser: Client | None = None, **meta: Any):
    """By a browser that nobody has used before, unless one is given."""
    return (browser or Client()).post(
        "/admin/login/", {"username": username, "password": password}, REMOTE_ADDR=address, **meta
    )


def statuses(times: int, *args: Any, **kwargs: Any) -> list[int]:
    return [sign_in(*args, **kwargs).status_code for _ in range(times)]


def let_pass(time: timedelta) -> None:
    FailedSignIns.objects.update(counted_at=F("counted_at") - time, paused_until=F("paused_until") - time)


def hold_pauses() -> None:
    """The shortest is five seconds, and a machine may be slow."""
    paused = FailedSignIns.objects.filter(paused_until__gt=F("counted_at"))
    paused.update(paused_until=F("paused_until") + timedelta(hours=1))


def test_five_wrong_passwords_make_a_pause_that_also_the_right_one_waits_for(ann):
    wrong = statuses(6, "ann")

    answer = sign_in("ann", PASSWORD)

    assert wrong == [200, 200, 200, 200, 200, 429]
    assert answer.status_code == 429
    assert "sessionid" not in answer.cookies


def test_the_answer_says_when_to_come_back(ann):
    statuses(5, "ann")

    answer = sign_in("ann")

    page = answer.content.decode()
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert "Too many sign-ins have failed" in page
    assert "Come back in" in page
    assert 'href="/admin/login/"' in page
    assert "no-store" in answer.headers["Cache-Control"]


def test_after_the_pause_the_right_password_is_taken_and_earlier_failures_are_forgiven(ann):
    statuses(5, "ann")
    let_pass(timedelta(minutes=1))

    answer = sign_in("ann", PASSWORD)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert statuses(5, "ann") == [200] * 5


def test_each_pause_is_twice_as_long_as_the_one_before_up_to_a_quarter_of_an_hour(ann):
    statuses(5, "ann")

    pauses = []
    for _ in range(7):
        row = FailedSignIns.objects.get(counted_by="user_at_address")
        pauses.append((row.paused_until - row.counted_at).total_seconds() / 60)
        # Less than the quarter of an hour in which one failure is forgiven.
        FailedSignIns.objects.update(paused_until=F("counted_at"))
        sign_in("ann")

    assert pauses == [1, 2, 4, 8, 15, 15, 15]


def test_one_failure_is_forgiven_every_quarter_of_an_hour(ann):
    statuses(4, "ann")
    let_pass(timedelta(minutes=31))

    assert statuses(4, "ann") == [200, 200, 200, 429]


def test_a_clock_that_was_set_back_adds_no_failures(ann):
    statuses(3, "ann")
    FailedSignIns.objects.update(counted_at=F("counted_at") + timedelta(hours=1))

    assert statuses(3, "ann") == [200, 200, 429]


def test_a_try_during_a_pause_makes_it_no_longer(ann):
    statuses(5, "ann")
    before = set(FailedSignIns.objects.values_list("key", "failures", "paused_until"))

    assert statuses(3, "ann") == [429] * 3

    now = {row.key: (row.failures, row.paused_until) for row in FailedSignIns.objects.all()}
    assert {key for key, *_ in before} == set(now)
    assert [now[key] for key, *_ in before if now[key][0] == 5] == [(5, until) for _, _, until in before]


def test_wrong_passwords_from_one_address_lock_the_user_out_nowhere_else(ann):
    assert statuses(6, "ann", address=AWAY)[-1] == 429

    assert sign_in("ann", PASSWORD, address=HOME).status_code == 302


def test_one_address_that_never_gives_up_locks_the_user_out_nowhere_else(ann):
    for _ in range(60):
        let_pass(timedelta(minutes=15))
        statuses(2, "ann", address=AWAY)

    assert sign_in("ann", PASSWORD, address=HOME).status_code == 302


def test_a_user_who_is_guessed_at_from_many_addresses_has_pauses_for_strangers(ann):
    answers = [status for n in range(8) for status in statuses(5, "ann", address=f"198.51.100.{n}")]

    assert answers == [200] * 30 + [429] * 10
    assert sign_in("ann", PASSWORD).status_code == 429
    assert sign_in("bob").status_code == 200


def test_whoever_has_signed_in_from_a_browser_is_not_locked_out_by_strangers(ann):
    browser = Client()
    sign_in("ann", PASSWORD, browser=browser)
    browser.post("/admin/logout/")
    for n in range(7):
        statuses(5, "ann", address=f"198.51.100.{n}")
    statuses(6, "ann", address=HOME)

    assert sign_in("ann", PASSWORD, address=HOME).status_code == 429
    assert sign_in("ann", PASSWORD, address=HOME, browser=browser).status_code == 302


def test_a_known_browser_guesses_no_more_than_any_other(ann):
    browser = Client()
    sign_in("ann", PASSWORD, browser=browser)
    browser.cookies.pop("sessionid")

    assert statuses(6, "ann", browser=browser) == [200] * 5 + [429]
    # Known is who has signed in from it, and nobody else.
    assert [row.counted_by for row in FailedSignIns.objects.filter(failures__gt=0)] == ["device"]
    assert statuses(6, "bob", browser=browser) == [200] * 5 + [429]
    assert FailedSignIns.objects.filter(counted_by="user_at_address", username="bob").exists()


def test_two_people_of_one_browser_are_both_known(ann):
    User.objects.create_superuser("bob", password=PASSWORD)
    browser = Client()
    for username in ("ann", "bob"):
        sign_in(username, PASSWORD, browser=browser)
    statuses(5, "ann")

    assert sign_in("ann", PASSWORD, browser=browser).status_code == 302


def test_a_forged_cookie_makes_no_known_device(ann):
    browser = Client()
    sign_in("ann", PASSWORD, browser=browser)
    cookie = browser.cookies["known_device"]
    statuses(5, "ann")
    forged = Client()
    forged.cookies["known_device"] = cookie.value[:-1] + ("A" if cookie.value[-1] != "A" else "B")

    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/admin/")
    assert sign_in("ann", PASSWORD, browser=forged).status_code == 429


def test_one_address_that_tries_many_users_is_slowed_and_the_others_are_not(ann):
    answers = [sign_in(f"user{n}", address=AWAY).status_code for n in range(20)]
    hold_pauses()

    assert answers == [200] * 20
    assert sign_in("user20", address=AWAY).status_code == 429
    assert sign_in("ann", PASSWORD, address=AWAY).status_code == 429
    assert sign_in("ann", PASSWORD, address=HOME).status_code == 302


def test_who_is_not_looked_at_because_of_the_address_has_not_failed(ann):
    for n in range(20):
        sign_in(f"user{n}", address=AWAY)
    hold_pauses()

    assert statuses(6, "ann", address=AWAY) == [429] * 6

    assert FailedSignIns.objects.get(counted_by="user_at_address", username="ann").failures == 0


def test_signing_in_makes_an_address_no_worse_and_no_better(ann):
    for n in range(19):
        sign_in(f"user{n}")
    for _ in range(3):
        sign_in("ann", PASSWORD)

    assert FailedSignIns.objects.get(counted_by="address").failures == 19
    assert sign_in("user19").status_code == 200
    hold_pauses()
    assert sign_in("user20").status_code == 429


def test_the_addresses_of_one_ipv6_network_are_one(ann):
    assert [sign_in("ann", address=f"2001:db8::{n}").status_code for n in range(1, 7)] == [200] * 5 + [429]


def test_behind_a_proxy_the_address_is_what_the_proxy_saw(ann, settings):
    settings.TRUSTED_PROXIES = 1
    proxy = "10.0.0.1"
    for n in range(6):
        sign_in("ann", address=proxy, HTTP_X_FORWARDED_FOR=f"6.6.6.{n}, {AWAY}")

    here = sign_in("ann", PASSWORD, address=proxy, HTTP_X_FORWARDED_FOR=HOME)
    there = sign_in("ann", PASSWORD, address=proxy, HTTP_X_FORWARDED_FOR=f"{HOME}, {AWAY}")

    assert (here.status_code, there.status_code) == (302, 429)


def test_without_trusted_proxies_nobody_chooses_their_address(ann):
    answers = [sign_in("ann", HTTP_X_FORWARDED_FOR=f"6.6.6.{n}").status_code for n in range(6)]

    assert answers == [200] * 5 + [429]


@pytest.mark.parametrize("username", ["x" * 151, "x" * 100_000, "ann\u200b", "’; drop table", "🙂" * 200])
def test_a_name_of_any_length_or_kind_is_an_ordinary_failure(database, username):
    answer = sign_in(username)

    assert answer.status_code == 200
    assert answer.context["form"].errors


def test_a_name_nobody_has_is_refused_like_any_other(ann):
    assert statuses(6, "nobody") == statuses(6, "ann") == [200] * 5 + [429]


def test_what_is_left_empty_counts_as_nothing(ann):
    statuses(6, "ann", "")

    assert not FailedSignIns.objects.exists()


def test_of_many_at_once_no_more_are_looked_at_than_may_fail(ann, monkeypatch):
    # With as many places, or most would find none and be told to come back.
    monkeypatch.setattr("orders_project.password_hashing._strangers", BoundedSemaphore(12))
    begin = Barrier(12)

    def guess(_: int) -> int:
        begin.wait()
        try:
            return int(sign_in("ann").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(guess, range(12)))

    assert set(answers) == {200, 429}
    assert answers.count(200) <= 5


def test_while_a_strangers_password_is_hashed_other_strangers_are_told_to_come_back(ann, monkeypatch):
    browser = Client()
    sign_in("ann", PASSWORD, browser=browser)
    hashing, go_on = Event(), Event()
    encode = PBKDF2PasswordHasher.encode

    def slow(self: Any, password: str, *args: Any) -> str:
        if password == "slow":
            hashing.set()
            assert go_on.wait(60)
        return encode(self, password, *args)

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", slow)

    def first() -> int:
        try:
            return int(sign_in("bob", "slow", address=AWAY).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        slow_one = threads.submit(first)
        assert hashing.wait(60)
        stranger = sign_in("ann", PASSWORD)
        known = sign_in("ann", PASSWORD, browser=browser)
        go_on.set()

        assert (stranger.status_code, stranger.headers["Retry-After"]) == (429, "1")
        assert "Somebody else is signing in" in stranger.content.decode()
        assert known.status_code == 302
        assert slow_one.result() == 200
    # Who was not looked at has not failed.
    assert sign_in("ann", PASSWORD).status_code == 302
    assert FailedSignIns.objects.get(counted_by="user", username="ann").failures == 0


def test_superusers_see_who_is_paused_and_let_them_try_again(ann):
    client = Client()
    client.force_login(ann)
    statuses(6, "bob")
    rows = list(FailedSignIns.objects.values_list("pk", flat=True))

    page = client.get("/admin/orders/failedsignins/")
    client.post("/admin/orders/failedsignins/", {"action": "delete_selected", "post": "yes", "_selected_action": rows})

    assert HOME in page.content.decode()
    assert sign_in("bob").status_code == 200


def test_counts_of_the_day_before_are_removed(ann):
    statuses(2, "bob")
    let_pass(timedelta(days=1, minutes=1))

    sign_in("ann", PASSWORD)

    assert set(FailedSignIns.objects.values_list("username", flat=True)) == {"ann", ""}
