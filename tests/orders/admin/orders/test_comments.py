"""A comment as staff write and read it."""

from __future__ import annotations

from orders.models import Order
from tests.orders.admin.conftest import do_operation, page_of
from tests.orders.asking import done, sell


def test_a_comment_is_written_on_a_page_of_its_own(admin, order_in):
    order = order_in("completed")

    page = do_operation(admin, order, "comment", text="Wants an invoice.\r\nBy post.")

    assert "has a new comment." in page.content.decode()
    assert "“Wants an invoice.\nBy post.”" in admin.get(page_of(order)).content.decode()


def test_orders_that_it_names_are_within_reach(admin, api, storefront):
    first, second = sell(api), sell(api)
    done(api, first["id"], "comment", text=f"Goes with {second['number']}, <b>not</b> AU-1.")

    html = admin.get(page_of(Order.objects.get(pk=first["id"]))).content.decode()

    assert f'“Goes with <a href="/admin/orders/order/?q={second["number"]}">{second["number"]}</a>, ' in html
    assert "&lt;b&gt;not&lt;/b&gt; AU-1." in html
