"""Parcels on the order's page: packed, shipped, tracked, delivered."""

import pytest

from events.models import Event
from orders.models import Carrier, Order
from tests.base import perform
from tests.orders.admin.conftest import (
    buttons_on,
    do_operation,
    filled_in,
    messages_of,
    operation_page,
    page_of,
    units_of,
)


def parcels_of(order):
    """By tracking number: what is in each, by product."""
    return {
        parcel.tracking_number: {line.item.product_id: line.quantity for line in parcel.items.select_related("item")}
        for parcel in order.shipments.all()
    }


def test_all_open_units_are_filled_in_and_leave_in_one_parcel(admin, sold):
    order = sold("confirm")

    page = do_operation(admin, order, "ship", tracking_company="DHL", tracking_number="JD1")

    assert messages_of(page) == [f"{order.number} has been shipped."]
    assert parcels_of(order) == {"JD1": {"cup": 2, "plate": 1}}
    parcel = order.shipments.get()
    assert parcel.shipped_at is not None
    assert parcel.tracking_link == "https://www.dhl.com/global-en/home/tracking.html?tracking-id=JD1"
    order.refresh_from_db()
    assert (order.status, order.fulfillment_status) == ("shipped", "fulfilled")


def test_some_units_leave_and_the_others_are_filled_in_for_the_next_parcel(admin, sold):
    order = sold("confirm")

    page = do_operation(admin, order, "ship", tracking_number="JD1", **{units_of(order, "plate"): ""})
    left = filled_in(admin, order, "ship")

    assert messages_of(page) == [f"{order.number} has been shipped in part."]
    assert parcels_of(order) == {"JD1": {"cup": 2}}
    assert (left[units_of(order, "cup")], left[units_of(order, "plate")]) == (0, 1)
    assert not left["tracking_number"]
    order.refresh_from_db()
    assert (order.status, order.fulfillment_status) == ("confirmed", "partial")


@pytest.mark.parametrize("operation", ["ship", "cancel"])
def test_items_of_which_nothing_is_left_are_not_asked_for(admin, sold, operation):
    order = sold("confirm")
    do_operation(admin, order, "ship", **{units_of(order, "plate"): ""})

    page = admin.get(f"/admin/orders/order/{order.pk}/{operation}/").content.decode()

    assert f'name="{units_of(order, "plate")}"' in page
    assert f'name="{units_of(order, "cup")}"' not in page


@pytest.mark.parametrize(
    ("cups", "status", "sentence"),
    [
        ("0", 200, "Choose at least one unit."),
        ("-1", 200, "Ensure this value is greater than or equal to 0."),
        ("x", 200, "Enter a whole number."),
        ("3", 409, "Nothing was shipped. cup: 3 wanted, 2 can be shipped."),
    ],
)
def test_units_that_cannot_leave_are_refused_and_nothing_leaves(admin, sold, cups, status, sentence):
    order = sold("confirm")
    units = {units_of(order, "cup"): cups, units_of(order, "plate"): "0"}

    page = do_operation(admin, order, "ship", **units)

    assert page.status_code == status
    assert sentence in page.content.decode()
    assert not order.shipments.exists()
    assert Order.objects.get(pk=order.pk).version == 2


def test_a_parcel_is_packed_packed_anew_and_shipped_as_it_is(admin, sold):
    order = sold("confirm")

    packed = do_operation(admin, order, "pack", tracking_number="P1")
    parcel = order.shipments.get()
    order.refresh_from_db()
    do_operation(admin, order, "pack", part=parcel.pk, **{units_of(order, "cup"): "1"})
    order.refresh_from_db()
    filled = filled_in(admin, order, "ship", part=parcel.pk)
    shipped = do_operation(admin, order, "ship", part=parcel.pk)

    assert messages_of(packed) == [f"{order.number} has been packed."]
    assert (filled[units_of(order, "cup")], filled[units_of(order, "plate")]) == (1, 1)
    assert messages_of(shipped) == [f"{order.number} has been shipped in part."]
    assert parcels_of(order) == {"P1": {"cup": 1, "plate": 1}}
    assert order.shipments.get().packed_at is not None


def test_a_second_parcel_is_offered_what_no_other_holds(admin, sold):
    order = sold("confirm")
    do_operation(admin, order, "pack", **{units_of(order, "cup"): "1", units_of(order, "plate"): "0"})

    filled = filled_in(admin, order, "pack", part="")

    assert (filled[units_of(order, "cup")], filled[units_of(order, "plate")]) == (1, 1)


def test_with_a_packed_parcel_the_page_asks_first_which_one_leaves(admin, sold):
    order = sold("confirm")
    perform("pack", order.pk)

    page = admin.get(operation_page(order, "ship"))

    assert page.context["form"] is None
    assert [part.label for part in page.context["parts"]] == [
        "All that is open: packed parcels as they are, the rest in a new one",
        "2 × cup, 1 × plate, packed",
    ]


def test_all_that_is_open_leaves_with_the_packed_parcel_as_it_was_packed(admin, sold):
    order = sold("confirm")
    some = {units_of(order, "cup"): "1", units_of(order, "plate"): "0"}
    do_operation(admin, order, "pack", tracking_number="P1", **some)
    order.refresh_from_db()

    page = do_operation(admin, order, "ship", part="", tracking_number="P2")

    assert messages_of(page) == [f"{order.number} has been shipped."]
    assert parcels_of(order) == {"P1": {"cup": 1}, "P2": {"cup": 1, "plate": 1}}


def test_a_parcel_that_is_no_part_of_the_order_is_not_found(admin, sold):
    order = sold("confirm")

    assert admin.get(operation_page(order, "ship"), {"part": "01a20691-d455-7421-9d19-ae886a27e193"}).status_code == 404


def test_what_was_announced_of_a_parcel_is_filled_in_when_it_leaves(admin, sold):
    order = sold("confirm")
    perform("track", order.pk, tracking_company="UPS", tracking_number="1Z")
    order.refresh_from_db()

    filled = filled_in(admin, order, "ship")
    do_operation(admin, order, "ship")

    assert (filled["tracking_company"], filled["tracking_number"]) == ("UPS", "1Z")
    assert parcels_of(order) == {"1Z": {"cup": 2, "plate": 1}}


def test_tracking_can_be_entered_early_corrected_and_taken_back(admin, order_in):
    order = order_in("pending")

    do_operation(admin, order, "track", tracking_company="DHL", tracking_number="JD1")
    do_operation(admin, order, "track", tracking_number="JD2")
    do_operation(admin, order, "track", tracking_company="")

    parcel = order.shipments.get()
    assert (parcel.tracking_company, parcel.tracking_number, parcel.shipped_at) == (None, "JD2", None)
    assert Event.objects.filter(stream_id=order.pk).count() == 4


def test_of_several_parcels_the_chosen_one_is_tracked(admin, sold):
    order = sold("confirm")
    do_operation(admin, order, "ship", tracking_number="A", **{units_of(order, "plate"): "0"})
    do_operation(admin, order, "ship", tracking_number="B")
    first, second = order.shipments.order_by("id")

    asked = admin.get(operation_page(order, "track"))
    do_operation(admin, order, "track", part=first.pk, tracking_number="A2")

    assert asked.context["form"] is None
    assert [part.label for part in asked.context["parts"]] == ["A, 2 × cup, on its way", "B, 1 × plate, on its way"]
    assert set(parcels_of(order)) == {"A2", "B"}
    assert second.tracking_number == "B"


def test_the_link_of_a_carrier_of_the_storefront_is_made_here(admin, sold, storefront):
    Carrier.objects.create(
        storefront=storefront, name="Rocket", tracking_link_template="https://rocket.example/{tracking_number}"
    )
    order = sold("confirm")

    do_operation(admin, order, "ship", tracking_company="rocket", tracking_number="R 1")

    assert order.shipments.get().tracking_link == "https://rocket.example/R%201"


@pytest.mark.parametrize("link", ["javascript:alert(1)", "dhl.com/JD1", "https://dhl.com/" + "x" * 500])
def test_a_tracking_link_that_is_none_is_refused_beside_its_field(admin, order_in, link):
    order = order_in("pending")

    page = do_operation(admin, order, "track", tracking_link=link, tracking_number="9" * 101)

    assert set(page.context["form"].errors) == {"tracking_link", "tracking_number"}
    assert not order.shipments.exists()


def test_one_parcel_arrives_then_all_others(admin, sold):
    order = sold("confirm")
    for product in ("cup", "plate"):
        others = {units_of(order, other): "0" for other in ("cup", "plate") if other != product}
        do_operation(admin, order, "ship", tracking_number=product, **others)
    first, second = order.shipments.order_by("id")

    asked = admin.get(operation_page(order, "deliver"))
    one = do_operation(admin, order, "deliver", part=first.pk)
    first.refresh_from_db()
    second.refresh_from_db()
    still_open = second.delivered_at
    all_there = do_operation(admin, order, "deliver")

    assert asked.context["parts"][0].label == "All parcels that are on their way"
    assert messages_of(one) == messages_of(all_there) == [f"{order.number} has been delivered."]
    assert first.delivered_at is not None
    assert still_open is None
    assert Order.objects.get(pk=order.pk).delivered_at is not None


def test_each_parcel_has_the_buttons_for_what_can_be_done_with_it(admin, sold):
    order = sold("confirm")
    perform("pack", order.pk)
    packed = admin.get(page_of(order)).context["parcels"]
    perform("ship", order.pk, shipment_id=order.shipments.get().pk)
    shipped = admin.get(page_of(order)).context["parcels"]
    perform("deliver", order.pk)
    delivered = admin.get(page_of(order))

    assert [[button.title for button in row["buttons"]] for row in packed] == [["Ship", "Pack anew", "Tracking"]]
    assert [[button.title for button in row["buttons"]] for row in shipped] == [
        ["Delivered", "Tracking", "Has not left"]
    ]
    parcels = delivered.context["parcels"]
    assert [[button.title for button in row["buttons"]] for row in parcels] == [["Has not arrived"]]
    assert "complete" in buttons_on(delivered, order)
