"""Returns on the order's page, from the customer's wish to the shelf."""

import pytest

from inventory_client.models import Stock
from orders.models import Order, Return
from tests.base import perform
from tests.orders.admin.conftest import do_operation, filled_in, messages_of, operation_page, page_of, units_of


@pytest.fixture
def returning(sold, admin):
    """A shipped order of two cups and a plate, all of which has been announced to come back."""

    def make():
        order = sold("confirm", "ship")
        do_operation(admin, order, "request_return", cause="damaged")
        order.refresh_from_db()
        return order

    return make


def test_announces_some_of_the_shipped_units(admin, sold):
    order = sold("confirm", "ship")

    page = do_operation(admin, order, "request_return", cause="wrong_item", **{units_of(order, "plate"): "0"})

    assert messages_of(page) == [f"{order.number} has a new return."]
    announced = Return.objects.get()
    assert (announced.state, announced.cause) == ("requested", "wrong_item")
    assert [(line.item.product_id, line.quantity) for line in announced.items.all()] == [("cup", 2)]
    assert filled_in(admin, order, "request_return")[units_of(order, "cup")] == 0


def test_more_units_than_the_customer_has_are_refused(admin, sold):
    order = sold("confirm", "ship")

    page = do_operation(admin, order, "request_return", cause="other", **{units_of(order, "plate"): "2"})

    assert page.status_code == 409
    assert "plate: 2 wanted, 1 can be returned" in page.content.decode()
    assert not Return.objects.exists()


def test_is_approved_or_rejected(admin, returning):
    approved, rejected = returning(), returning()

    do_operation(admin, approved, "approve_return")
    do_operation(admin, rejected, "reject_return")

    assert approved.returns.get().state == "approved"
    assert rejected.returns.get().state == "rejected"


def test_what_came_back_is_recorded_item_by_item_and_restocked_where_it_is_wished(admin, returning):
    order = returning()
    do_operation(admin, order, "approve_return")
    cup, plate = order.items.order_by("position")
    before = {stock.pk: stock.on_hand - stock.reserved for stock in Stock.objects.all()}
    data = filled_in(admin, order, "receive_return")
    data.pop(f"restock_{plate.pk}", None)

    page = admin.post(
        operation_page(order, "receive_return"),
        data
        | {units_of(order, "cup"): "1", f"condition_{plate.pk}": "damaged"}
        | {f"condition_{cup.pk}": "new", f"restock_{cup.pk}": "on"},
        follow=True,
    )

    assert messages_of(page) == [f"{order.number} has a received return."]
    lines = {line.item_id: line for line in order.returns.get().items.all()}
    assert [(line.received, line.condition, line.restocked) for line in (lines[cup.pk], lines[plate.pk])] == [
        (1, "new", True),
        (1, "damaged", False),
    ]
    cup.refresh_from_db()
    plate.refresh_from_db()
    assert (cup.returned, cup.restocked, plate.returned, plate.restocked) == (1, 1, 1, 0)
    after = {stock.pk: stock.on_hand - stock.reserved for stock in Stock.objects.all()}
    assert {product: after[product] - before[product] for product in after} == {"cup": 1, "plate": 0}
    html = admin.get(page_of(order)).content.decode()
    assert "1 came back, damaged, not restocked" in html


def test_units_that_were_not_announced_are_refused(admin, returning):
    order = returning()
    do_operation(admin, order, "approve_return")

    page = do_operation(admin, order, "receive_return", **{units_of(order, "cup"): "3"})

    assert page.status_code == 409
    assert "cup: 3 wanted, 2 can be received" in page.content.decode()
    assert order.returns.get().state == "approved"


def test_of_several_returns_each_has_its_own_buttons(admin, sold):
    order = sold("confirm", "ship")
    for product in ("cup", "plate"):
        others = {units_of(order, other): "0" for other in ("cup", "plate") if other != product}
        do_operation(admin, order, "request_return", cause="unwanted", **others)
    perform("approve_return", order.pk, return_id=order.returns.order_by("id")[0].pk)

    rows = admin.get(page_of(order)).context["returns"]

    assert [[button.title for button in row["buttons"]] for row in rows] == [
        ["Never arrived", "Receive"],
        ["Approve", "Reject"],
    ]
    assert admin.get(rows[0]["buttons"][1].href).context["form"].available == {order.items.get(product_id="cup").pk: 2}


def test_an_order_of_which_nothing_was_shipped_has_nothing_to_return(admin, sold):
    order = sold("confirm")

    page = admin.get(operation_page(order, "request_return"), follow=True)

    assert messages_of(page) == ["There is no shipped unit left to return."]
    assert Order.objects.get(pk=order.pk).version == 2


@pytest.mark.parametrize(
    ("cause", "condition", "on_the_shelf"),
    [("damaged", "damaged", False), ("not_as_described", "opened", False), ("unwanted", "new", True)],
)
def test_the_condition_that_follows_from_the_cause_is_filled_in(admin, sold, cause, condition, on_the_shelf):
    order = sold("confirm", "ship")
    do_operation(admin, order, "request_return", cause=cause)
    do_operation(admin, order, "approve_return")
    cup = order.items.get(product_id="cup").pk

    filled = filled_in(admin, order, "receive_return")

    assert (filled[f"condition_{cup}"], f"restock_{cup}" in filled) == (condition, on_the_shelf)


def test_only_what_is_as_new_goes_back_on_the_shelf_and_the_refusal_stands_beside_it(admin, returning):
    order = returning()
    do_operation(admin, order, "approve_return")
    plate = order.items.get(product_id="plate").pk

    page = do_operation(admin, order, "receive_return", **{f"restock_{plate}": "on"})

    assert page.status_code == 409
    assert page.context["form"].errors == {
        f"restock_{plate}": ["Only units that are as new go back on the shelf; these are damaged"]
    }
    assert order.returns.get().state == "approved"
