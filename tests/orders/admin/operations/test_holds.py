"""Holding orders up, letting them go on, and holding their stock for longer."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import Order
from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.admin.conftest import buttons_on, do_operation, listed, messages_of, operation_page, page_of


def test_a_hold_blocks_what_its_kind_usually_blocks_and_says_so_on_the_page(admin, order_in):
    order = order_in("confirmed")

    page = do_operation(admin, order, "hold", kind="address", reason="The street is unknown.")

    assert messages_of(page) == [f"{order.number} has been held up."]
    (hold,) = Order.objects.get(pk=order.pk).holds
    assert (hold["kind"], hold["blocks"], hold["placed_by"]) == ("address", ["expire", "pack", "ship"], "staff:ann")
    html = page.content.decode()
    assert "On hold: Address to be checked" in html
    assert "by ann since" in html
    assert "It blocks: expire, pack, ship." in html
    assert buttons_on(page, order) & {"pack", "ship", "cancel"} == {"cancel"}


def test_a_hold_blocks_what_was_chosen(admin, order_in):
    order = order_in("pending")

    do_operation(admin, order, "hold", kind="manual", blocks=["expire", "cancel"])

    (hold,) = Order.objects.get(pk=order.pk).holds
    assert hold["blocks"] == ["cancel", "expire"]


def test_what_is_held_up_is_refused_in_words(admin, order_in):
    order = order_in("pending")
    do_operation(admin, order, "hold", kind="fraud")

    page = admin.get(operation_page(order, "confirm"), follow=True)
    answer = admin.post(operation_page(order, "confirm"), {"version": 2})

    sentence = "confirm is blocked by a hold: fraud (by ann). Release it first."
    assert messages_of(page) == [sentence]
    assert (answer.status_code, sentence in answer.content.decode()) == (409, True)
    assert Order.objects.get(pk=order.pk).status == "pending"


def test_the_chosen_one_of_several_holds_is_released(admin, order_in):
    order = order_in("pending")
    for kind in ("fraud", "manual"):
        do_operation(admin, order, "hold", kind=kind)
    order.refresh_from_db()

    rows = admin.get(page_of(order)).context["holds"]
    asked = admin.get(operation_page(order, "release_hold"))
    page = do_operation(admin, order, "release_hold", part=order.holds[0]["id"])

    assert [button.title for row in rows for button in row["buttons"]] == ["Release", "Release"]
    assert [part.label for part in asked.context["parts"]] == [
        "Fraud suspected, by ann",
        "Held by hand, by ann",
    ]
    assert messages_of(page) == [f"{order.number} has been released."]
    assert [hold["kind"] for hold in Order.objects.get(pk=order.pk).holds] == ["manual"]


def test_stock_is_held_for_longer(admin, order_in):
    order = order_in("pending")

    page = do_operation(admin, order, "extend", number="3", unit="1440")
    shorter = do_operation(admin, order, "extend", number="5", unit="1")

    assert messages_of(page) == [f"{order.number} has an extended reservation."]
    assert messages_of(shorter) == [f"{order.number} was like this already; nothing has been changed."]
    until = Order.objects.get(pk=order.pk).reserved_until
    assert timedelta(hours=71) < until - timezone.now() <= timedelta(hours=72)


@pytest.mark.parametrize(("number", "unit"), [("31", "1440"), ("0", "60"), ("", "60")])
def test_stock_is_held_for_thirty_days_at_most(admin, order_in, number, unit):
    order = order_in("pending")

    page = do_operation(admin, order, "extend", number=number, unit=unit)

    assert list(page.context["form"].errors) == ["number"]
    assert Order.objects.get(pk=order.pk).version == 1


def test_the_list_can_be_narrowed_to_orders_on_hold(admin, order_in):
    held, _ = order_in("pending"), order_in("pending")
    perform("hold", held.pk, kind=HoldKind.FRAUD)

    page = admin.get("/admin/orders/order/", {"held_up": "yes"})

    assert listed(page) == [held.number]
    assert "On hold" in page.content.decode()
