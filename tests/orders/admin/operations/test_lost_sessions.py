"""What was typed outlives the session in which it was typed: for whoever typed it, and for nobody else."""

import io
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from orders import operations
from orders.admin.operations.forms import typed_in
from orders.models import KeptForm, Order
from tests.base import perform
from tests.orders.admin.conftest import filled_in, messages_of, operation_page, page_of
from tests.orders.asking import sell

PASSWORD = "correct-horse-9"


@pytest.fixture
def browser(database):
    """A browser that asks for the tokens of forms, in which `support` has signed in."""
    for name in ("support", "lead"):
        user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
        user.groups.add(Group.objects.get(name=name))
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "support")
    return client


def sign_in(client, username, path="/admin/"):
    page = client.get("/admin/login/", {"next": path})
    (token, *_) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())
    data = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": token, "next": path}
    return client.post("/admin/login/", data)


def opened(client, order, slug="change_details"):
    """What the page of an operation would send, its hidden notes too."""
    page = client.get(operation_page(order, slug))
    return filled_in(client, order, slug) | hidden_notes(page)


def hidden_notes(page):
    found = r'<input type="hidden" name="(csrfmiddlewaretoken|opened_by)" value="([^"]+)"'
    return dict(re.findall(found, page.content.decode()))


def sign_out(client):
    """As it ends by itself: the server knows the session no more."""
    Session.objects.all().delete()


def kept_anywhere():
    return KeptForm.objects.exists()


def kept_for():
    return [form.user.get_username() for form in KeptForm.objects.all()]


def test_leads_to_the_sign_in_and_back_to_the_form_as_it_was_typed(browser, sold):
    order = sold()
    page = operation_page(order, "change_details")
    data = opened(browser, order) | {"note": "Ring twice.\r\nAnd wait.", "tags": "vip", "reason": "She called."}
    sign_out(browser)

    answer = browser.post(page, data)
    signed_in = sign_in(browser, "support", page)
    back = browser.get(page)

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/login/?next={page}")
    assert signed_in.headers["Location"] == page
    form = back.context["form"]
    assert [form[name].value() for name in ("note", "tags", "reason")] == [
        "Ring twice.\r\nAnd wait.", "vip", "She called.",
    ]  # fmt: skip
    assert "You had been signed out, and nothing was done." in back.content.decode()
    assert Order.objects.get(pk=order.pk).version == 1


def test_what_came_back_can_be_sent(browser, sold):
    order = sold()
    page = operation_page(order, "change_details")
    data = opened(browser, order) | {"note": "Ring twice."}
    sign_out(browser)
    browser.post(page, data)
    sign_in(browser, "support", page)
    back = browser.get(page)
    form = back.context["form"]

    sent = {field.html_name: field.value() or "" for field in form if not field.field.disabled} | hidden_notes(back)
    done = browser.post(page, sent, follow=True)

    assert messages_of(done) == [f"{order.number} has been changed."]
    assert Order.objects.get(pk=order.pk).note == "Ring twice."


def test_says_on_the_sign_in_page_that_it_is_kept_and_puts_nothing_into_addresses(browser, sold):
    order = sold()
    data = opened(browser, order) | {"note": "Ring twice."}
    sign_out(browser)

    page = browser.post(operation_page(order, "change_details"), data, follow=True)

    assert messages_of(page) == ["You have been signed out, and nothing was done. What you typed is kept for you."]
    assert "Ring twice." not in page.content.decode() + str(page.redirect_chain)


def test_somebody_else_who_signs_in_gets_nothing_of_it(browser, sold):
    order = sold()
    page = operation_page(order, "change_details")
    data = opened(browser, order) | {"note": "Ring twice."}
    sign_out(browser)
    browser.post(page, data)

    sign_in(browser, "lead", page)
    back = browser.get(page)

    assert "Ring twice." not in back.content.decode()
    assert not back.context["form"].is_bound
    assert kept_for() == ["support"]


def test_sums_are_asked_for_no_more_and_keep_nothing(browser, sold):
    order = sold()
    data = opened(browser, order, "amend") | {"shipping_amount": "1.00", "preview": "live"}
    sign_out(browser)

    answer = browser.post(operation_page(order, "amend"), data)

    assert (answer.status_code, answer.content) == (401, b"")
    assert not kept_anywhere()


def lose(client, order, slug="change_details", **typed):
    """A form comes back from a session that has ended."""
    data = opened(client, order, slug) | typed
    sign_out(client)
    return client.post(operation_page(order, slug), data, follow=True)


def age(minutes):
    KeptForm.objects.update(kept_at=timezone.now() - timedelta(minutes=minutes))


def test_it_is_there_once(browser, sold):
    order = sold()
    page = operation_page(order, "change_details")
    lose(browser, order, note="Ring twice.")
    sign_in(browser, "support", page)
    first = browser.get(page)

    again = browser.get(page)

    assert (first.context["form"].is_bound, again.context["form"].is_bound) == (True, False)
    assert not kept_anywhere()


@pytest.mark.parametrize(("minutes", "is_there"), [(29, True), (31, False)])
def test_it_is_there_for_half_an_hour_and_the_sweeper_removes_it_then(browser, sold, minutes, is_there):
    order = sold()
    page = operation_page(order, "change_details")
    lose(browser, order, note="Ring twice.")
    age(minutes)

    forgotten = operations.forget_forms()
    sign_in(browser, "support", page)

    assert (forgotten, kept_anywhere()) == (0 if is_there else 1, is_there)
    assert browser.get(page).context["form"].is_bound is is_there


def test_what_is_too_old_is_not_shown_though_no_sweeper_has_come(browser, sold):
    order = sold()
    page = operation_page(order, "change_details")
    lose(browser, order, note="Ring twice.")
    age(31)
    sign_in(browser, "support", page)

    assert not browser.get(page).context["form"].is_bound


def test_nothing_of_it_is_in_the_session_and_only_what_was_typed_is_kept(browser, api):
    order = Order.objects.get(pk=sell(api, note="Leave it.", contact={"email": "ann@example.com"})["id"])

    lose(browser, order, tags="vip", contact_phone="+61 2 9374 4000", anyway="1")

    (kept,) = KeptForm.objects.all()
    assert (kept.order_id, kept.path) == (order.pk, operation_page(order, "change_details"))
    assert QueryDict(kept.fields).dict() == {"version": "1", "tags": "vip", "contact_phone": "+61 2 9374 4000"}
    assert "vip" not in str([session.get_decoded() for session in Session.objects.all()])


def test_what_was_emptied_and_what_was_ticked_away_comes_back_like_this(browser, api):
    order = Order.objects.get(pk=sell(api, note="Leave it.")["id"])
    page = operation_page(order, "change_details")
    lose(browser, order, note="")
    sign_in(browser, "support", page)

    form = browser.get(page).context["form"]

    assert form["note"].value() == ""
    assert QueryDict("version=1&restock_1=") == typed_in(QueryDict('version=1&shown={"restock_1": "on"}'))


@pytest.mark.parametrize("shown", ["[" * 100_000, "9" * 5000, "nonsense"])
def test_what_no_page_would_send_as_shown_takes_nothing_away(shown):
    data = QueryDict(mutable=True)
    data.update({"version": "1", "note": "", "tags": "vip", "shown": shown})

    assert typed_in(data).dict() == {"version": "1", "note": "", "tags": "vip"}


def test_the_next_one_takes_the_place_of_the_last_one(browser, sold):
    order, other = sold(), sold()
    lose(browser, order, note="Ring twice.")
    sign_in(browser, "support")
    lose(browser, other, note="Ring once.")

    (kept,) = KeptForm.objects.all()

    assert (kept.order_id, "once" in kept.fields) == (other.pk, True)


def test_an_erasure_removes_it_and_nothing_is_kept_of_an_erased_order(browser, sold):
    order = sold("confirm", "ship", "complete")
    data = opened(browser, order, "comment") | {"text": "Ann rang."}
    page = operation_page(order, "comment")
    sign_out(browser)
    browser.post(page, data)
    before = kept_for()

    perform("erase", order.pk)
    after = kept_for()
    late = browser.post(page, data, follow=True)

    assert (before, after, kept_for()) == (["support"], [], [])
    assert messages_of(late)[-1] == "You have been signed out, and nothing was done."


@pytest.mark.parametrize("lost", ["is_active", "is_staff"])
def test_nothing_is_kept_for_whoever_is_no_staff_any_more(browser, sold, lost):
    order = sold()
    data = opened(browser, order) | {"note": "Ring twice."}
    sign_out(browser)
    User.objects.filter(username="support").update(**{lost: False})

    page = browser.post(operation_page(order, "change_details"), data, follow=True)

    assert messages_of(page) == ["You have been signed out, and nothing was done."]
    assert not kept_anywhere()


def test_forms_without_a_session_make_no_sessions(browser, sold):
    order = sold()
    data = opened(browser, order) | {"note": "Ring twice."}
    sign_out(browser)

    for _ in range(3):
        Client().post(operation_page(order, "change_details"), data)

    assert (Session.objects.count(), KeptForm.objects.count()) == (0, 1)


def test_the_sign_in_lasts_as_long_as_ever(browser, sold):
    order = sold()
    data = opened(browser, order) | {"note": "Ring twice."}
    sign_out(browser)
    browser.post(operation_page(order, "change_details"), data)

    sign_in(browser, "support")

    assert browser.session.get_expiry_age() == settings.SESSION_COOKIE_AGE


def test_a_token_from_before_a_sign_in_in_another_tab_keeps_what_was_typed(browser, sold):
    order = sold()
    page = operation_page(order, "change_details")
    data = opened(browser, order) | {"note": "Ring twice."}
    sign_out(browser)
    sign_in(browser, "support")

    answer = browser.post(page, data)
    back = browser.get(page)

    assert answer.headers["Location"] == page
    assert back.context["form"]["note"].value() == "Ring twice."
    assert Order.objects.get(pk=order.pk).version == 1


def test_a_form_that_somebody_else_had_opened_is_not_done_under_ones_own_name(browser, sold):
    order = sold()
    page = operation_page(order, "change_details")
    data = opened(browser, order) | {"note": "Ring twice."}
    sign_out(browser)
    sign_in(browser, "lead")

    back = browser.post(page, data, follow=True)

    assert messages_of(back) == ["Somebody else had opened this page and filled it in, so nothing was done."]
    assert "Ring twice." not in back.content.decode()
    assert Order.objects.get(pk=order.pk).version == 1


def test_lost_session_changed_user_and_changed_order_at_once(browser, sold):
    order = sold()
    page = operation_page(order, "change_details")
    data = opened(browser, order) | {"note": "Ring twice.", "tags": "vip"}
    perform("change_details", order.pk, by="staff:eve", tags=["gift"])
    sign_out(browser)
    browser.post(page, data)
    sign_in(browser, "lead", page)
    others = browser.get(page)
    browser.post("/admin/logout/", {"csrfmiddlewaretoken": others.context["csrf_token"]})

    sign_in(browser, "support", page)
    first = browser.get(page)
    perform("comment", order.pk, by="staff:bob", text="Rang.")
    answer = browser.post(page, opened(browser, order) | data | {"csrfmiddlewaretoken": "x" * 32})
    back = browser.get(page)

    assert "Ring twice." not in others.content.decode()
    assert first.context["form"]["note"].value() == "Ring twice."
    assert answer.headers["Location"] == page
    assert [change.who for change in back.context["conflict"].changes] == ["eve", "bob"]
    assert [back.context["form"][name].value() for name in ("note", "tags")] == ["Ring twice.", "vip"]
    order.refresh_from_db()
    assert (order.note, order.tags, order.version) == ("", ["gift"], 3)


@pytest.mark.parametrize("note", ["", "forged", "W10:1abc:def"])
def test_a_forged_form_is_refused_and_nothing_of_it_is_kept(browser, sold, note):
    order = sold()
    forged = {"version": 1, "opened_by": note, "note": "Ring twice."}

    signed_in = browser.post(operation_page(order, "change_details"), forged)
    sign_out(browser)
    signed_out = browser.post(operation_page(order, "change_details"), forged)

    assert (signed_in.status_code, signed_out.status_code) == (403, 403)
    assert not kept_anywhere()
    assert Order.objects.get(pk=order.pk).version == 1


def test_the_note_of_one_page_is_worth_nothing_on_another(browser, sold):
    order, other = sold(), sold()
    data = opened(browser, order) | {"note": "Ring twice.", "csrfmiddlewaretoken": "x" * 32}

    answer = browser.post(operation_page(other, "change_details"), data)

    assert answer.status_code == 403
    assert not kept_anywhere()


def test_what_is_far_too_much_is_not_kept(browser, sold):
    order = sold()
    data = opened(browser, order) | {"note": "x" * 400_000}
    sign_out(browser)

    answer = browser.post(operation_page(order, "change_details"), data)

    assert answer.status_code == 302
    assert not kept_anywhere()


def test_the_sweeper_throws_sessions_away_that_have_ended(browser):
    ended = timezone.now() - timedelta(minutes=1)
    Session.objects.create(session_key="ended", session_data="", expire_date=ended)

    sign_in(Client(), "support")
    after_sign_in = Session.objects.filter(pk="ended").exists()
    call_command("sweep", "--once", stdout=io.StringIO())

    assert (after_sign_in, Session.objects.filter(pk="ended").exists()) == (True, False)
    assert browser.get("/admin/").status_code == 200


def test_what_is_kept_for_one_page_does_not_turn_up_on_another(browser, sold):
    order, other = sold(), sold()
    data = opened(browser, order) | {"note": "Ring twice."}
    sign_out(browser)
    browser.post(operation_page(order, "change_details"), data)
    sign_in(browser, "support", page_of(order))

    assert not browser.get(operation_page(other, "change_details")).context["form"].is_bound
