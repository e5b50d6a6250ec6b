"""What an operation would do, shown before it is done."""

import pytest

from orders.rules.lifecycle import OPERATIONS, Operation
from tests.base import perform
from tests.orders.admin.conftest import do_operation, filled_in, messages_of, operation_page, page_of, units_of
from tests.orders.asking import everything
from tests.orders.examples import EXAMPLES, ready_for


def rows_of(preview):
    return {change.name: (change.before, change.after) for change in preview.changes}


@pytest.fixture
def previewed(admin):
    def send(order, slug, **typed):
        page = do_operation(admin, order, slug, preview="1", **typed)
        assert page.status_code == 200, page.content
        return page.context["preview"], page

    return send


def test_a_preview_shows_fields_stock_money_and_instructions_and_changes_nothing(previewed, sold):
    order = sold("confirm")
    perform("record_payment", order.pk, kind="capture", amount=3000, psp="stripe", psp_reference="ch_1")
    order.refresh_from_db()
    before = everything()

    preview, page = previewed(order, "cancel", cause="fraud", **{units_of(order, "plate"): "0"})

    assert rows_of(preview) == {
        "balance amount": ("0.00 AUD", "-20.00 AUD"),
        "canceled amount": ("0.00 AUD", "20.00 AUD"),
        "credit": ("–", "20.00 AUD, canceled, 2 × cup"),
        "credited amount": ("0.00 AUD", "20.00 AUD"),
        "due amount": ("30.00 AUD", "10.00 AUD"),
        "cup canceled": ("0", "2"),
        "payment status": ("paid", "overpaid"),
        "refund": ("–", "20.00 AUD, approved, by ann"),
    }
    assert preview.stock == [("cup", "-2")]
    assert preview.money == [
        ("credited", "+20.00 AUD"),
        ("canceled", "+20.00 AUD"),
        ("due", "-20.00 AUD"),
        ("balance", "-20.00 AUD"),
    ]
    assert preview.instructions == ["refund 20.00 AUD of stripe ch_1 (20.00 AUD)"]
    assert "Preview: nothing has been done yet" in page.content.decode()
    assert everything() == before


@pytest.mark.parametrize(
    ("captured", "asked", "balance"),
    [
        (4000, "30.00", "30.00 AUD to refund: 10.00 AUD paid too much; waits for approval"),
        (3000, "20.00", "20.00 AUD to refund: waits for approval"),
    ],
)
def test_the_balance_is_told_as_the_orders_page_will_tell_it(
    admin, previewed, sold, storefront, captured, asked, balance
):
    storefront.refund_approval_above = 0
    storefront.save()
    order = sold("confirm")
    perform("record_payment", order.pk, kind="capture", amount=captured, psp_reference="ch_1")
    order.refresh_from_db()

    preview, _ = previewed(order, "request_refund", part="", amount=asked)
    do_operation(admin, order, "request_refund", part="", amount=asked)

    assert preview.balance == balance
    assert str(admin.get(page_of(order)).context["balance"]) == balance


def test_the_previewed_form_can_be_sent_for_real(admin, previewed, sold):
    order = sold("confirm")
    _, page = previewed(order, "cancel", cause="fraud", reason="Stolen card.")
    form = page.context["form"]

    done = admin.post(
        operation_page(order, "cancel"), {field.html_name: field.value() or "" for field in form}, follow=True
    )

    assert messages_of(done) == [f"{order.number} has been canceled."]
    order.refresh_from_db()
    assert (order.status, order.cancel_reason) == ("canceled", "fraud")


@pytest.mark.parametrize("slug", sorted({*EXAMPLES, "change_details", "delete"} - {"restore"}))
def test_no_preview_changes_anything(colleague, sold, slug):
    order = sold()
    if slug in EXAMPLES:
        ready_for(slug, str(order.pk))
    order.refresh_from_db()
    typed = {
        "amend": {"discount_amount": "1.00"},
        "request_refund": {"amount": "0.10"},
        "record_payment": {"amount": "1.00", "psp_reference": "cap-1"},
        "delete": {"reason": "A test."},
        "change_customer": {"customer_id": "cus456"},
        "change_details": {"note": "Ring twice."},
        "track": {"tracking_number": "1Z9"},
        "extend": {"number": "40"},
        "comment": {"text": "Rang twice."},
    }.get(slug, {})
    if OPERATIONS[Operation(slug)].needs_reason:
        typed = {"reason": "A test."}
    data = filled_in(colleague, order, slug) | typed
    before = everything()

    page = colleague.post(operation_page(order, slug), data | {"preview": "1"})

    assert page.status_code == 200
    assert bool(page.context["preview"].changes) == (slug != "comment")  # words change nothing of an order
    assert everything() == before


def test_more_stock_is_said_to_be_needed_but_not_held(previewed, sold):
    order = sold()
    item = order.items.get(product_id="cup")

    preview, page = previewed(order, "amend", **{f"quantity_{item.pk}": "9"})

    assert (preview.stock, preview.needs_stock) == ([("cup", "+7")], True)
    assert "Whether there is so much is known once it is done." in page.content.decode()
    assert rows_of(preview)["cup quantity"] == ("2", "9")


def test_deleting_and_restoring_are_previewed(previewed, order_in):
    deleted, _ = previewed(order_in("pending"), "delete", reason="A test.")
    restored, _ = previewed(order_in("deleted"), "restore")

    assert (rows_of(deleted)["deleted"], deleted.stock) == (("no", "yes"), [("cup", "-2")])
    assert (rows_of(restored)["deleted"], restored.stock) == (("yes", "no"), [("cup", "+2")])


def test_a_refusal_is_previewed_as_such(admin, sold):
    order = sold("confirm")

    page = do_operation(admin, order, "ship", preview="1", **{units_of(order, "cup"): "3"})

    assert page.status_code == 409
    assert page.context["preview"] is None
    assert "cup: 3 wanted, 2 can be shipped" in page.content.decode()


def test_what_would_change_nothing_says_so(previewed, order_in):
    order = order_in("pending")

    preview, page = previewed(order, "change_details")

    assert preview.changes == []
    assert f"{order.number} is like this already: nothing would change." in page.content.decode()
