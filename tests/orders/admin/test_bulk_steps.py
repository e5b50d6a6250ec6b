import pytest
from django.urls import reverse

from events.models import Event
from orders import operations
from orders.changes import Origin
from orders.models import Order
from tests.orders.admin.conftest import messages_of

LIST = "/admin/orders/order/"


@pytest.fixture
def together(admin):
    """Choose orders in the list, pick an action, fill in its page and send it."""

    def act(slug, *orders, **typed):
        page = admin.post(LIST, {"action": slug, "_selected_action": [str(order.pk) for order in orders]})
        chosen = [f"{row['order'].pk}:{row['version']}" for row in page.context["chosen"]]
        url = reverse(f"admin:orders_order_together_{slug}")
        return admin.post(url, {"order": chosen} | typed, follow=True)

    return act


def test_cancels_what_can_be_canceled_and_names_each_order_that_cannot(together, order_in):
    pending, confirmed, shipped = order_in("pending"), order_in("confirmed"), order_in("shipped")

    page = together("cancel", pending, confirmed, shipped, cause="out_of_stock", reason="A flood.")

    assert messages_of(page) == [
        f"{shipped.number}: A shipped order cannot become canceled; it can become: completed.",
        "2 orders have been canceled.",
    ]
    assert set(Order.objects.values_list("status", "cancel_reason")) == {
        ("canceled", "out_of_stock"),
        ("shipped", None),
    }
    assert Event.objects.filter(actor="staff:ann", reason="A flood.").count() == 2


def test_confirms_deletes_and_restores(together, order_in):
    order = order_in("pending")

    assert messages_of(together("delete", order, reason="A test.")) == ["1 order has been deleted."]
    deleted = Order.all_objects.get(pk=order.pk)
    assert deleted.deleted_reason == "A test."
    assert messages_of(together("confirm", order_in("pending"))) == ["1 order has been confirmed."]


def test_restores_deleted_orders_of_the_list(admin, order_in):
    orders = [order_in("deleted"), order_in("deleted")]

    page = admin.post(
        reverse("admin:orders_order_together_restore"),
        {"order": [f"{order.pk}:{order.version}" for order in orders]},
        follow=True,
    )

    assert messages_of(page) == ["2 orders have been restored."]
    assert Order.objects.count() == 2


def test_the_page_of_an_action_says_beforehand_what_will_be_refused(admin, order_in):
    order = order_in("completed")

    page = admin.post(LIST, {"action": "cancel", "_selected_action": [str(order.pk)]})

    assert "A completed order cannot become canceled; it can become: nothing." in page.content.decode()


def test_an_order_that_changed_since_the_page_was_shown_is_refused(admin, order_in):
    order = order_in("pending")
    operations.confirm_order(order.pk, storefront_id=None, origin=Origin(actor="key:shop"))

    page = admin.post(
        reverse("admin:orders_order_together_cancel"), {"order": [f"{order.pk}:1"], "cause": "customer"}, follow=True
    )

    assert messages_of(page)[0].startswith(f"{order.number}: The order has been changed since you opened this page")
    order.refresh_from_db()
    assert order.status == "confirmed"


def test_a_missing_cause_shows_the_page_again(together, order_in):
    order = order_in("pending")

    page = together("cancel", order)

    assert "cause" in page.context["form"].errors
    order.refresh_from_db()
    assert order.status == "pending"


def test_takes_no_more_than_a_hundred_orders_and_ignores_nonsense(admin, order_in):
    order = order_in("pending")
    url = reverse("admin:orders_order_together_confirm")

    page = admin.post(url, {"order": ["nope", "1:2:3", ""] * 40 + [f"{order.pk}:1"]}, follow=True)

    assert messages_of(page) == []
    order.refresh_from_db()
    assert order.status == "pending"


def test_choosing_everything_means_what_the_page_shows(admin, order_in):
    chosen, other = order_in("pending"), order_in("pending")

    page = admin.post(LIST, {"action": "confirm", "select_across": "1", "_selected_action": [str(chosen.pk)]})

    assert [row["order"].number for row in page.context["chosen"]] == [chosen.number]
    assert other.status == "pending"
