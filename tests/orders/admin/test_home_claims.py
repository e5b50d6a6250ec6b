"""Claims in the back office: taken from queues and on the page of an order, and shown to everybody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from events.models import Event
from orders.models import Claim, Looking, Order
from tests.base import perform
from tests.orders.admin.conftest import listed, messages_of, page_of

LIST = "/admin/orders/order/"


def claim(client: Client, order: Order, **sent: Any) -> Any:
    return client.post(f"{page_of(order).removesuffix('change/')}claim/", sent, follow=True)


def held_by() -> list[tuple[str, str]]:
    return list(Claim.objects.in_force().values_list("order__number", "user__username"))


def test_claim_next_opens_the_first_order_of_the_queue(staff, order_in):
    first, _ = order_in("pending"), order_in("pending")
    support = staff("support")

    home = support.get("/admin/")
    page = support.post(f"{LIST}next/to_confirm/", follow=True)

    assert 'action="/admin/orders/order/next/to_confirm/"' in home.content.decode()
    assert page.request["PATH_INFO"] == page_of(first)
    assert messages_of(page) == ["To confirm: this one is yours."]
    assert held_by() == [(first.number, "support")]


def test_who_finds_nothing_is_told_and_sees_the_queue(staff, order_in):
    support = staff("support")

    page = support.post(f"{LIST}next/to_confirm/", follow=True)

    assert messages_of(page) == ["To confirm: there is no order that nobody has."]
    assert page.request["PATH_INFO"] == LIST


@pytest.mark.parametrize(
    ("group", "queue", "status"),
    [
        ("auditor", "to_confirm", 403),  # only looks
        ("warehouse", "to_confirm", 404),  # not their queue
        ("support", "events_parked", 404),  # no orders
        ("support", "nothing", 404),
        ("support", "to_confirm", 302),
    ],
)
def test_a_queue_is_worked_off_by_those_whose_it_is(staff, order_in, group, queue, status):
    order_in("pending")

    assert staff(group).post(f"{LIST}next/{queue}/").status_code == status


def test_the_page_of_an_order_tells_who_has_it_and_who_had_it(staff, admin, order_in):
    order = order_in("pending")
    support = staff("support")

    claim(support, order)
    seen = admin.get(page_of(order)).content.decode()
    support.post(f"{page_of(order).removesuffix('change/')}give-back/")
    after = admin.get(page_of(order)).content.decode()

    assert "<strong>support</strong> has this order" in seen
    assert "Take over from support" in seen
    assert "Nobody has claimed this order." in after
    assert "<li>support, " in after
    assert Event.objects.count() == 1


def test_a_claim_is_taken_over_only_by_who_has_seen_whose_it_is(staff, admin, order_in):
    order = order_in("pending")
    claim(staff("support"), order)

    refused = messages_of(claim(admin, order))
    taken = messages_of(claim(admin, order, instead_of=User.objects.get(username="support").pk))

    assert refused == [f"support has claimed {order.number} meanwhile."]
    assert taken == [f"You have {order.number} now."]
    assert held_by() == [(order.number, "ann")]


def test_the_list_shows_who_has_an_order_and_is_narrowed_by_it(staff, admin, order_in):
    mine, theirs, free = order_in("pending"), order_in("confirmed"), order_in("pending")
    claim(admin, mine)
    claim(staff("support"), theirs)

    assert '<td class="few">support</td>' in admin.get(LIST).content.decode()
    assert listed(admin.get(LIST, {"claimed": "mine"})) == [mine.number]
    assert listed(admin.get(LIST, {"claimed": "somebody"})) == [theirs.number, mine.number]
    assert listed(admin.get(LIST, {"claimed": "nobody"})) == [free.number]
    assert listed(admin.get(LIST, {"claimed": ["nobody", "mine"]})) == [free.number, mine.number]
    assert listed(admin.get(LIST, {"claimed": ["nobody", "somebody"]})) == [free.number, theirs.number, mine.number]
    assert admin.get("/admin/").context["mine"].shown == "1"


@pytest.mark.parametrize("holder", ["9" * 5000, "2147483648", "x"])
def test_a_claim_is_not_taken_over_from_somebody_who_cannot_be(staff, admin, order_in, holder):
    order = order_in("pending")
    claim(staff("support"), order)

    page = claim(admin, order, instead_of=holder)

    assert messages_of(page) == [f"support has claimed {order.number} meanwhile."]
    assert held_by() == [(order.number, "support")]


def test_nobody_is_kept_from_working_by_a_claim(staff, admin, order_in):
    order = order_in("pending")
    claim(staff("support"), order)

    perform("confirm", order.pk, by="staff:ann")

    order.refresh_from_db()
    assert order.status == "confirmed"


def test_staff_who_are_limited_claim_nothing_of_others(staff, order_in, other_storefront):
    order = order_in("pending")
    support = staff("support")
    User.objects.get(username="support").storefronts.set([other_storefront])

    assert claim(support, order).status_code == 404
    assert support.post(f"{page_of(order).removesuffix('change/')}looking/").status_code == 404
    support.post(f"{LIST}next/to_confirm/")
    assert held_by() == []


def test_claims_are_posts_of_those_who_work(staff, order_in):
    order = order_in("pending")
    auditor, support = staff("auditor"), staff("support")

    for slug in ("claim", "give-back", "looking"):
        assert support.get(f"{page_of(order).removesuffix('change/')}{slug}/").status_code == 405
    assert support.get(f"{LIST}next/to_confirm/").status_code == 405
    assert claim(auditor, order).status_code == 403
    assert ">Claim</button>" not in auditor.get(page_of(order)).content.decode()
    assert held_by() == []


def test_who_looks_at_an_order_is_told_to_others_until_they_leave(staff, admin, order_in):
    order = order_in("pending")
    support = staff("support")
    looking = f"{page_of(order).removesuffix('change/')}looking/"

    support.get(page_of(order))
    seen = admin.get(page_of(order)).content.decode()
    told = support.post(looking).json()
    admin.post(looking, {"leaving": "1"})
    left = support.post(looking).json()

    assert "support looks at this order now" in seen
    assert (told, left) == ({"looking": "ann looks at this order now"}, {"looking": ""})


def test_whoever_is_not_heard_of_looks_no_more(staff, admin, order_in):
    order = order_in("pending")
    staff("support").get(page_of(order))
    Looking.objects.update(seen_at=timezone.now() - timedelta(minutes=3))

    assert "looks at this order" not in admin.get(page_of(order)).content.decode()


def test_a_page_that_is_loaded_again_and_again_writes_once(admin, order_in):
    order = order_in("pending")
    admin.get(page_of(order))
    first = Looking.objects.get().seen_at

    admin.get(page_of(order))

    assert Looking.objects.get().seen_at == first


def test_a_page_is_shown_where_nothing_can_be_written(admin, order_in):
    order = order_in("pending")
    with connection.cursor() as cursor:
        cursor.execute("set default_transaction_read_only = on")
    try:
        page = admin.get(page_of(order))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("set default_transaction_read_only = off")

    assert page.status_code == 200
    assert not Looking.objects.exists()


def test_people_are_called_by_their_names_where_they_have_claimed_an_order_or_look_at_it(staff, admin, order_in):
    order = order_in("pending")
    support = staff("support")
    User.objects.filter(username="support").update(first_name="Ann", last_name="Smith")
    claim(support, order)
    support.get(page_of(order))

    page, again = admin.get(page_of(order)), claim(admin, order)

    assert page.context["claim"]["by"] == "Ann Smith"
    assert "Ann Smith looks at this order now" in page.content.decode()
    assert messages_of(again) == [f"Ann Smith has claimed {order.number} meanwhile."]
    assert '<td class="few">Ann Smith</td>' in admin.get(LIST).content.decode()
