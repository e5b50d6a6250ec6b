"""Other items than were ordered, from the order's page."""

import pytest

from inventory_client.models import Stock
from orders.models import Order
from orders.requests.operations import Units
from tests.base import perform
from tests.orders.admin.conftest import do_operation, filled_in, messages_of, operation_page
from tests.orders.asking import everything, reserved


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


# --- rows and sums ---------------------------------------------------------------------------


def test_any_number_of_rows_is_taken_whatever_their_numbers(admin, sold, stock):
    names = [f"bowl-{number}" for number in range(7)]
    stock(**dict.fromkeys(names, 5))
    order = sold()
    rows = {f"new{3 * number}_product_id": name for number, name in enumerate(names)}
    rows |= {f"new{3 * number}_quantity": "1" for number in range(7)}
    rows |= {f"new{3 * number}_unit_amount": "1.00" for number in range(7)}

    page = do_operation(admin, order, "amend", **rows)

    assert messages_of(page) == [f"{order.number} has been amended."]
    assert lines_of(order)[2:] == [(name, 1, 100) for name in names]


def test_more_rows_than_an_order_can_have_are_refused(admin, sold):
    order = sold()
    rows = {f"new{number}_product_id": f"p{number}" for number in range(501)}
    rows |= {f"new{number}_quantity": "1" for number in range(501)}

    page = do_operation(admin, order, "amend", **rows)

    assert page.status_code == 200
    assert "Expected `array` of length <= 500".replace("`", "") in page.context["form"].non_field_errors()[0]


def test_without_a_script_a_button_adds_rows_and_keeps_what_was_typed(admin, sold):
    order = sold()

    page = do_operation(admin, order, "amend", new0_product_id="bowl", shipping_amount="much", more_rows="1")

    form = page.context["form"]
    assert (form["new0_product_id"].value(), form["shipping_amount"].value()) == ("bowl", "much")
    assert [f"new{number}_product_id" in form.fields for number in range(5)] == [True, True, True, True, False]
    assert form.errors == {}
    assert Order.objects.get(pk=order.pk).version == 1


def live(client, order, slug, **typed):
    return client.post(operation_page(order, slug), filled_in(client, order, slug) | {"preview": "live"} | typed)


def test_the_sums_are_those_of_the_operation_itself_before_anything_is_saved(admin, sold):
    order = sold()
    cups, price = fields_of(order, "cup")
    before = everything()

    page = live(admin, order, "amend", **{cups: "3", price: "9.99"}, discount_amount="1.00")

    preview = page.context["preview"]
    assert preview.sums == [
        ("Items", "25.00 AUD", "34.97 AUD"),
        ("Shipping", "", "5.00 AUD"),
        ("Discount", "0.00 AUD", "-1.00 AUD"),
        ("Total", "30.00 AUD", "38.97 AUD"),
        ("Owed in all", "30.00 AUD", "38.97 AUD"),
    ]
    assert preview.balance == "38.97 AUD to pay"
    assert "<html" not in page.content.decode()
    assert "38.97 AUD" in page.content.decode()
    assert everything() == before


def test_sums_of_what_is_paid_tell_what_is_given_back(admin, sold):
    order = sold()
    perform("record_payment", order.pk, kind="capture", amount=3000, psp_reference="ch_1")
    order.refresh_from_db()
    plates, _ = fields_of(order, "plate")

    preview = live(admin, order, "amend", **{plates.replace("quantity", "remove"): "on"}).context["preview"]

    assert preview.balance == "5.00 AUD to refund: 5.00 AUD paid too much; approved, to be paid out"
    assert preview.refunds == ["5.00 AUD to be refunded"]


def test_what_is_missing_still_stands_where_the_sums_would_be(admin, sold):
    order = sold()

    page = live(admin, order, "amend", new0_product_id="bowl", shipping_amount="much")

    html = page.content.decode()
    assert "A new item needs a product and its quantity." in html
    assert "<strong>Shipping:</strong> Write an amount of AUD such as 12.99." in html
