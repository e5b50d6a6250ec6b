"""Somebody else has changed the order since the page of an operation was opened."""

import json

from django.contrib.auth.models import Group

from orders.models import Order
from orders.requests.operations import AmendedItem, ContactPatch, Units
from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.admin.conftest import filled_in, messages_of, operation_page, page_of, units_of


def told(page):
    return [(change.who, change.what, change.reason) for change in page.context["conflict"].changes]


def fields_of(change):
    return {field.name: (field.before, field.after) for field in change.changes}


def anyway(client, order, slug, page, **typed):
    """Send the page that tells of the conflict as it stands, by the button that says so."""
    form = page.context["form"]
    data = {field.html_name: field.value() for field in form if field.value() not in (None, False)}
    return client.post(
        operation_page(order, slug), data | {"anyway": page.context["order"].version} | typed, follow=True
    )


def test_shows_what_they_changed_with_who_when_and_why(admin, sold):
    order = sold()
    data = filled_in(admin, order, "amend") | {"shipping_amount": "1.00"}
    perform("hold", order.pk, by="staff:eve", reason="Wrong street?", kind=HoldKind.ADDRESS)
    perform("change_details", order.pk, by="staff:bob", tags=["vip"])

    page = admin.post(operation_page(order, "amend"), data)

    assert page.status_code == 409
    assert told(page) == [
        ("eve", "has been held up.", "Wrong street?"),
        ("bob", "has been changed.", ""),
    ]
    assert fields_of(page.context["conflict"].changes[1]) == {"tags": ("–", "vip")}
    assert "at version 3 now, and nothing was done" in page.content.decode()
    assert Order.objects.get(pk=order.pk).version == 3


def test_names_keys_and_the_service_as_people_call_them(admin, api, sold):
    order = sold()
    data = filled_in(admin, order, "amend") | {"shipping_amount": "1.00"}
    api.post(f"/api/v1/orders/{order.pk}/confirm", {}, content_type="application/json")
    perform("comment", order.pk, by="system:importer", text="Paid by voucher.")

    page = admin.post(operation_page(order, "amend"), data)

    assert [who for who, _, _ in told(page)] == ["the key “test”", "the command importer"]
    assert "key:" not in page.content.decode()


def test_keeps_what_was_typed_and_does_it_anyway_on_the_new_version(admin, sold):
    order = sold()
    data = filled_in(admin, order, "amend") | {"shipping_amount": "1.00", "reason": "She called."}
    perform("comment", order.pk, by="staff:eve", text="Rang twice.")
    page = admin.post(operation_page(order, "amend"), data)

    done = anyway(admin, order, "amend", page)

    form = page.context["form"]
    assert (form["shipping_amount"].value(), form["reason"].value()) == ("1.00", "She called.")
    assert "Amend items anyway" in page.content.decode()
    assert messages_of(done) == [f"{order.number} has been amended."]
    order.refresh_from_db()
    assert (order.version, order.shipping_amount) == (3, 100)


def test_what_was_not_typed_follows_the_order_so_nothing_of_theirs_is_undone(admin, sold):
    order = sold()
    cup, plate = (order.items.get(product_id=product).pk for product in ("cup", "plate"))
    data = filled_in(admin, order, "amend") | {f"quantity_{plate}": "4"}
    perform("amend", order.pk, by="staff:eve", items=[AmendedItem(item_id=cup, quantity=3, unit_amount=900)])

    page = admin.post(operation_page(order, "amend"), data)
    anyway(admin, order, "amend", page)

    form = page.context["form"]
    assert (form[f"quantity_{cup}"].value(), form[f"price_{cup}"].value()) == ("3", "9.00")
    assert form[f"quantity_{plate}"].value() == "4"
    lines = order.items.order_by("position").values_list("product_id", "quantity", "unit_amount")
    assert list(lines) == [("cup", 3, 900), ("plate", 4, 500)]


def test_an_item_they_added_is_not_taken_for_one_that_was_cleared(admin, sold, stock):
    stock(bowl=5)
    order = sold()
    data = filled_in(admin, order, "amend") | {"shipping_amount": "1.00"}
    perform("amend", order.pk, items=[AmendedItem(product_id="bowl", quantity=2, unit_amount=250)])

    page = admin.post(operation_page(order, "amend"), data)
    done = anyway(admin, order, "amend", page)

    assert messages_of(done) == [f"{order.number} has been amended."]
    assert order.items.get(product_id="bowl").quantity == 2


def test_a_field_that_both_changed_has_what_was_typed(admin, sold):
    order = sold()
    cup = order.items.get(product_id="cup").pk
    data = filled_in(admin, order, "amend") | {f"quantity_{cup}": "5"}
    perform("amend", order.pk, by="staff:eve", items=[AmendedItem(item_id=cup, quantity=3)])

    page = admin.post(operation_page(order, "amend"), data)
    anyway(admin, order, "amend", page)

    assert fields_of(page.context["conflict"].changes[0])["cup quantity"] == ("2", "3")
    assert order.items.get(product_id="cup").quantity == 5


def test_units_that_were_only_filled_in_are_those_that_are_left(admin, sold):
    order = sold("confirm")
    data = filled_in(admin, order, "ship") | {"tracking_number": "1Z9"}
    perform("ship", order.pk, by="staff:eve", items=[Units(order.items.get(product_id="cup").pk, 1)])

    page = admin.post(operation_page(order, "ship"), data)
    anyway(admin, order, "ship", page)

    assert str(page.context["form"][units_of(order, "cup")].value()) == "1"
    order.refresh_from_db()
    assert (order.status, order.shipments.get(tracking_number="1Z9").items.count()) == ("shipped", 2)


def test_what_can_no_longer_be_done_says_so_and_offers_nothing(admin, sold):
    order = sold("confirm")
    data = filled_in(admin, order, "cancel") | {"reason": "Changed her mind."}
    perform("ship", order.pk, by="staff:eve")

    page = admin.post(operation_page(order, "cancel"), data)

    html = page.content.decode()
    assert (page.status_code, page.context["conflict"].refusal) == (
        409,
        "A shipped order cannot be canceled; it can be completed.",
    )
    assert "Changed her mind." in html
    assert "anyway" not in html.split("operation-buttons")[1]
    assert anyway(admin, order, "cancel", page).context["conflict"].refusal
    assert Order.objects.get(pk=order.pk).status == "shipped"


def test_a_deleted_order_says_that_it_is_deleted(admin, sold):
    order = sold()
    data = filled_in(admin, order, "confirm")
    perform("delete", order.pk, by="staff:eve", reason="A test order.")

    page = admin.post(operation_page(order, "confirm"), data)

    assert page.context["conflict"].refusal == (
        "The order has been deleted. It can be restored, and then be worked on again."
    )


def test_a_part_that_is_dealt_with_can_no_longer_be_chosen(admin, sold):
    order = sold("confirm", "ship")
    ids = {item.product_id: item.pk for item in order.items.all()}
    for product in ("cup", "plate"):
        perform("request_return", order.pk, cause="unwanted", items=[Units(ids[product], 1)])
    first, second = order.returns.order_by("id")
    order.refresh_from_db()
    data = filled_in(admin, order, "approve_return", part=first.pk)
    perform("approve_return", order.pk, by="staff:eve", return_id=first.pk)

    page = admin.post(operation_page(order, "approve_return"), data)

    assert page.context["conflict"].refusal == "What you had chosen is not there to be chosen any more."
    assert order.returns.get(pk=second.pk).state == "requested"


def test_one_more_change_after_the_conflict_was_shown_is_shown_too(admin, sold):
    order = sold()
    data = filled_in(admin, order, "confirm")
    perform("comment", order.pk, by="staff:eve", text="First.")
    page = admin.post(operation_page(order, "confirm"), data)
    perform("comment", order.pk, by="staff:bob", text="Second.")

    again = anyway(admin, order, "confirm", page, anyway=2)

    assert (again.status_code, [reason for _, _, reason in told(again)]) == (409, ["First.", "Second."])
    assert Order.objects.get(pk=order.pk).status == "pending"


def test_of_very_many_changes_the_latest_are_shown(admin, sold):
    order = sold()
    data = filled_in(admin, order, "confirm")
    for number in range(23):
        perform("comment", order.pk, by="staff:eve", text=f"Comment {number}.")

    conflict = admin.post(operation_page(order, "confirm"), data).context["conflict"]

    assert (len(conflict.changes), conflict.more, conflict.changes[-1].reason) == (20, 3, "Comment 22.")


def test_a_preview_of_the_conflict_is_of_the_new_version_and_keeps_showing_it(admin, sold):
    order = sold()
    data = filled_in(admin, order, "amend") | {"shipping_amount": "1.00"}
    perform("comment", order.pk, by="staff:eve", text="Rang twice.")
    page = admin.post(operation_page(order, "amend"), data)

    preview = anyway(admin, order, "amend", page, preview="1")

    assert (preview.status_code, preview.context["conflict"].more) == (200, 0)
    assert ("Shipping", "5.00 AUD", "1.00 AUD") in preview.context["preview"].sums
    assert Order.objects.get(pk=order.pk).version == 2


def test_personal_data_of_the_changes_stays_where_it_is(admin, sold):
    order = sold()
    data = filled_in(admin, order, "confirm")
    perform("change_details", order.pk, by="staff:eve", contact=ContactPatch(email="ann@example.com"))

    page = admin.post(operation_page(order, "confirm"), data)

    assert "ann@example.com" not in page.content.decode()
    assert [field.personal for field in page.context["conflict"].changes[0].changes] == [True]


def test_a_page_without_what_it_had_shown_is_taken_as_it_is_sent(admin, sold):
    order = sold()

    page = admin.post(
        operation_page(order, "cancel"),
        {"version": 1, "cause": "fraud", "shown": json.dumps(["no", "mapping"]), units_of(order, "cup"): "2"},
        follow=True,
    )

    assert page.redirect_chain == [(page_of(order), 302)]
    assert {item.product_id: item.canceled for item in order.items.all()} == {"cup": 2, "plate": 0}


def test_a_conflict_takes_a_bounded_number_of_queries(admin, sold, django_assert_max_num_queries):
    order = sold()
    data = filled_in(admin, order, "amend") | {"shipping_amount": "1.00"}
    for number in range(15):
        perform("comment", order.pk, by=f"key:abc{number}", text=f"Comment {number}.")

    with django_assert_max_num_queries(20):
        page = admin.post(operation_page(order, "amend"), data)

    assert len(page.context["conflict"].changes) == 15


def test_whoever_may_not_read_timelines_learns_only_that_it_has_changed(staff, sold):
    allowed = Group.objects.get(name="support").permissions.exclude(codename="view_event")
    client = staff(permissions=list(allowed.values_list("codename", flat=True)))
    order = sold()
    data = filled_in(client, order, "change_details") | {"tags": "gift"}
    perform("hold", order.pk, by="staff:eve", reason="Wrong street?", kind=HoldKind.ADDRESS)

    page = client.post(operation_page(order, "change_details"), data)

    html = page.content.decode()
    assert (page.status_code, told(page), page.context["conflict"].more) == (409, [], 0)
    assert "at version 2 now, and nothing was done" in html
    assert [word for word in ("<strong>eve", "Wrong street?", "held up") if word in html] == []
