"""Other items than were ordered, from the order's page."""

import pytest

from inventory_client.models import Stock
from orders.models import Order
from orders.requests.operations import Units
from tests.base import perform
from tests.orders.admin.conftest import do_operation, messages_of
from tests.orders.asking import reserved


def fields_of(order, product_id):
    item = order.items.get(product_id=product_id)
    return f"quantity_{item.pk}", f"price_{item.pk}"


def lines_of(order):
    return [(item.product_id, item.quantity, item.unit_amount) for item in order.items.order_by("position")]


def test_changes_removes_and_adds_items_with_their_stock(admin, sold, stock):
    stock(bowl=5)
    order = sold()
    cups, price = fields_of(order, "cup")
    plates, _ = fields_of(order, "plate")

    page = do_operation(
        admin,
        order,
        "amend",
        new0_product_id="bowl",
        new0_name="A bowl",
        new0_quantity="3",
        new0_unit_amount="2.50",
        shipping_amount="1",
        reason="She called.",
        **{cups: "5", price: "9.99", plates.replace("quantity", "remove"): "on"},
    )

    assert messages_of(page) == [f"{order.number} has been amended."]
    assert lines_of(order) == [("cup", 5, 999), ("bowl", 3, 250)]
    order.refresh_from_db()
    assert (order.items_amount, order.shipping_amount, order.total_amount) == (5745, 100, 5845)
    assert order.items.get(product_id="bowl").name == "A bowl"
    assert reserved() == {"cup": 5, "bowl": 3}


def test_amounts_alone_can_be_changed(admin, sold):
    order = sold()

    do_operation(admin, order, "amend", discount_amount="10.00", shipping_amount="")

    order.refresh_from_db()
    assert (order.shipping_amount, order.discount_amount, order.total_amount) == (0, 1000, 1500)
    assert lines_of(order) == [("cup", 2, 1000), ("plate", 1, 500)]


@pytest.mark.parametrize("typed", ["", "0"])
def test_a_quantity_that_is_cleared_takes_nothing_away(admin, sold, typed):
    order = sold()
    cups, _ = fields_of(order, "cup")

    page = do_operation(admin, order, "amend", **{cups: typed, "shipping_amount": "2"})

    assert page.context["form"].errors == {
        cups: ["Give a quantity of at least 1, or tick Remove to take the item away."]
    }
    assert lines_of(order) == [("cup", 2, 1000), ("plate", 1, 500)]
    assert Order.objects.get(pk=order.pk).version == 1


def test_nothing_typed_is_nothing_to_amend(admin, sold):
    order = sold()

    page = do_operation(admin, order, "amend")

    assert page.context["form"].non_field_errors() == ["Change a quantity, a price or an amount, or add a product."]
    assert Order.objects.get(pk=order.pk).version == 1


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"new0_product_id": "bowl"}, "new0_quantity"),
        ({"new0_quantity": "1"}, "new0_product_id"),
        ({"new0_product_id": " ", "new0_name": "A bowl", "new0_quantity": "1"}, "new0_product_id"),
        ({"new1_product_id": "bo\twl", "new1_quantity": "1"}, "new1_product_id"),
        ({"new0_product_id": "bowl", "new0_quantity": "1", "new0_unit_amount": "1.5.0"}, "new0_unit_amount"),
        ({"tax_amount": "much"}, "tax_amount"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(admin, sold, typed, field):
    order = sold()

    page = do_operation(admin, order, "amend", **typed)

    assert list(page.context["form"].errors) == [field]
    assert Order.objects.get(pk=order.pk).version == 1


def test_more_than_there_is_in_stock_is_refused_and_all_stays(admin, sold, stock):
    order = sold()
    stock(cup=2)
    cups, _ = fields_of(order, "cup")

    page = do_operation(admin, order, "amend", **{cups: "3"})

    assert page.status_code == 409
    assert "cup: 3 wanted, 2 available" in page.content.decode()
    assert lines_of(order) == [("cup", 2, 1000), ("plate", 1, 500)]
    assert Stock.objects.get(pk="cup").reserved == 2


def test_items_of_which_units_were_shipped_have_no_fields(admin, sold):
    order = sold("confirm")
    cup = order.items.get(product_id="cup")
    plates, _ = fields_of(order, "plate")
    perform("ship", order.pk, items=[Units(cup.pk, 1)])
    order.refresh_from_db()

    page = do_operation(admin, order, "amend", **{plates: "4"})

    assert messages_of(page) == [f"{order.number} has been amended."]
    assert lines_of(order) == [("cup", 2, 1000), ("plate", 4, 500)]


def test_taking_every_item_away_is_refused(admin, sold):
    order = sold()

    boxes = [fields_of(order, name)[0].replace("quantity", "remove") for name in ("cup", "plate")]
    page = do_operation(admin, order, "amend", **dict.fromkeys(boxes, "on"))

    assert page.status_code == 409
    assert "Cancel the order instead." in page.content.decode()
    assert len(lines_of(order)) == 2
