"""A day's work of each group of the staff, done with what their pages show; the API is asked at the end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.test import Client

from inventory_client.models import Stock
from inventory_client.stock import change_stock_levels
from orders.models import Order, Storefront
from orders.requests.operations import Units
from tests.base import perform
from tests.orders.asking import counts, item_ids, read, sell

pytestmark = pytest.mark.browser

MUG = {"product_id": "mug-oak-01", "name": "Mug, oak lid", "quantity": 2, "unit_amount": 1290}
TEAPOT = {"product_id": "teapot-1l", "name": "Teapot, one litre", "quantity": 1, "unit_amount": 4950}
ADA = {
    "contact": {"email": "ada@example.com", "phone": "+61 2 5550 1234"},
    "shipping_address": {"name": "Ada Fields", "line1": "1 Harbour Street", "city": "Sydney", "country": "AU"},
}


def bought(api: Any, **fields: Any) -> Any:
    """Two mugs and a teapot, paid: 83.20 AUD with the shipping."""
    order = sell(api, MUG, TEAPOT, shipping_amount=790, **fields)
    perform("record_payment", order["id"], kind="capture", amount=8320, psp_reference=f"ch_{order['number']}")
    return order


def with_a_refund(api: Any, by: str) -> Any:
    """An order of which a mug was canceled: by that its money is asked back."""
    order = bought(api)
    perform("cancel", order["id"], items=[Units(UUID(item_ids(order)["mug-oak-01"]), 1)], by=by)
    return order


def test_support_confirms_comments_amends_cancels_a_part_and_refunds_the_shipping(api: Any, desk: Any):
    """From the queue; then somebody rings, and is found by their e-mail."""
    Storefront.objects.update(refund_approval_above=0)
    first, adas = bought(api), bought(api, **ADA)
    sue = desk("sue", "support")
    sue.picture("support-home")

    assert sue.waits() == {"To confirm": "2"}
    sue.claim_next("To confirm")
    assert first["number"] in sue.page.title()
    assert "You have this order" in sue.text(".claim")
    assert "has a new comment" in sue.do("Comment", text="She wants it as a gift.")
    assert "“She wants it as a gift.”" in sue.text(".timeline")
    assert "has been confirmed" in sue.do("Confirm")
    sue.picture("support-order")
    sue.go_home()
    assert sue.waits() == {"To confirm": "1"}

    sue.find("ADA@example.com")
    sue.page.wait_for_selector(".order-page")
    assert "Ada Fields" in sue.text("address")
    assert "Settled" in sue.text(".balance")
    sue.begin("Amend items")
    sue.page.fill("[name=new0_product_id]", "oak")
    sue.page.wait_for_selector(".found-products li")
    sue.page.keyboard.press("ArrowDown")
    sue.page.keyboard.press("Enter")
    sue.page.wait_for_selector("[data-sums] >> text=12.90 AUD to pay")
    sue.send("Amend items")
    assert "12.90 AUD to pay" in sue.text(".balance")

    sue.begin("Cancel order")
    sue.page.fill(f"[name=units_{item_ids(adas)['mug-oak-01']}]", "0")
    for field in sue.page.locator("[name^=units_]").all()[2:]:
        field.fill("0")
    sue.page.wait_for_selector("[data-sums] >> text=36.60 AUD to refund")
    sue.picture("support-cancel")
    sue.send("Cancel order")
    assert "36.60 AUD to refund: 1 × Teapot, one litre" in sue.text(".balance")
    sue.begin("Request refund")
    sue.picture("support-refund")
    sue.type(shipping_amount="7.90", reason="It came late.")
    sue.page.wait_for_selector("[data-sums] >> text=7.90 AUD to be refunded")
    sue.send("Request refund")
    sue.picture("support-refund-requested")

    assert not {"Approve", "Reject"} & sue.may()
    done = read(api, adas["id"])
    assert counts(done, "canceled") == {"mug-oak-01": 0, "teapot-1l": 1}
    assert [(refund["state"], refund["amount"]) for refund in done["refunds"]] == [
        ("requested", 3660),
        ("requested", 790),
    ]
    assert read(api, first["id"])["status"] == "confirmed"


def test_a_refund_is_approved_by_somebody_else_and_paid_out_by_finance(api: Any, desk: Any):
    """Four eyes: the lead's own waits for finance, and finance sees nothing of the customer."""
    Storefront.objects.update(refund_approval_above=0)
    own, others = with_a_refund(api, by="staff:lea"), with_a_refund(api, by="staff:sue")
    lea = desk("lea", "lead")

    assert lea.open_queue("Refunds to approve") == [others["number"]]
    lea.open_order(own["number"])
    assert "somebody else has to approve it" in lea.why_not("Approve")
    lea.claim_next("Refunds to approve")
    lea.picture("lead-refund")
    lea.begin_with_part("Approve")
    lea.send("Approve refund")
    lea.go_home()
    assert "Refunds to approve" not in lea.waits()
    call_command("sweep", "--once")  # what has left its queue is anybody's

    finn = desk("finn", "finance", dark=True)
    finn.picture("finance-home")
    assert finn.waits() == {"Refunds to approve": "1", "Refunds to pay out": "1"}
    finn.claim_next("Refunds to pay out")
    finn.picture("finance-order")
    assert others["number"] in finn.page.title()
    assert "Masked" in finn.text("aside")
    finn.begin_with_part("Paid out")
    finn.picture("finance-payment")
    finn.type(psp_reference="re_1")
    finn.send("Record payment")
    assert "Settled" in finn.text(".balance")
    finn.picture("finance-paid")
    finn.claim_next("Refunds to approve")
    assert own["number"] in finn.page.title()
    assert "Masked" in finn.text("aside")
    finn.begin_with_part("Approve")
    finn.send("Approve refund")

    paid = read(api, others["id"])
    assert [(refund["state"], refund["amount"]) for refund in paid["refunds"]] == [("settled", 1290)]
    assert read(api, own["id"])["refunds"][0]["state"] == "approved"


def test_the_warehouse_packs_prints_ships_and_takes_back_what_was_sent_in(api: Any, desk: Any):
    """Two parcels of one order, then a return that support has approved."""
    to_ship, sent_in = bought(api, **ADA), bought(api)
    perform("confirm", to_ship["id"])
    for operation in ("confirm", "ship"):
        perform(operation, sent_in["id"])
    perform("request_return", sent_in["id"], cause="unwanted")
    perform("approve_return", sent_in["id"])
    will = desk("will", "warehouse")
    will.picture("warehouse-home")

    assert will.waits() == {"To ship": "1", "Returns to receive": "1"}
    will.claim_next("To ship")
    will.begin("Pack")
    will.page.fill(f"[name=units_{item_ids(to_ship)['teapot-1l']}]", "0")
    will.type(tracking_company="DHL", tracking_number="JD0146")
    will.picture("warehouse-pack")
    will.send("Pack")
    assert "2 × Mug, oak lid" in will.text(".order-rest")
    will.page.locator("summary", has_text="Print").click()
    will.page.get_by_role("link", name="Packing slip").click()
    will.page.wait_for_load_state()
    paper = will.text("body")
    will.picture("warehouse-slip")
    assert "Ada Fields" in paper
    assert "AUD" not in paper
    will.page.get_by_role("link", name="Back").click()
    will.page.wait_for_selector(".order-page")
    will.begin_with_part("Ship")
    assert will.page.input_value("[name=tracking_number]") == "JD0146"
    will.send("Ship")
    assert "JD0146" in will.text(".order-rest")
    will.do("Ship", tracking_company="DHL", tracking_number="JD0147")
    will.picture("warehouse-shipped")

    will.claim_next("Returns to receive")
    will.begin_with_part("Receive")
    mug = item_ids(sent_in)["mug-oak-01"]
    assert will.page.input_value(f"[name=condition_{mug}]") == "new"
    assert will.page.is_checked(f"[name=restock_{mug}]")
    will.page.select_option(f"[name=condition_{item_ids(sent_in)['teapot-1l']}]", "damaged")
    will.send("Receive return")
    will.go_home()

    assert will.waits() == {}
    shipped, back = read(api, to_ship["id"]), read(api, sent_in["id"])
    assert counts(shipped, "shipped") == {"mug-oak-01": 2, "teapot-1l": 1}
    assert [parcel["tracking_number"] for parcel in shipped["shipments"]] == ["JD0146", "JD0147"]
    assert counts(back, "restocked") == {"mug-oak-01": 2, "teapot-1l": 0}


def test_the_warehouse_counts_the_shelf_while_somebody_else_does(api: Any, desk: Any):
    """So many more or less, and why; nobody's change is lost."""
    sell(api, MUG)
    will = desk("will", "warehouse")
    will.page.goto("/admin/inventory_client/stock/")
    will.page.click("#result_list a:has-text('mug-oak-01')")
    will.page.wait_for_selector("[name=change]")
    change_stock_levels({"mug-oak-01": 5}, reason="delivery", by="staff:eve")

    will.type(change="-3", reason="broken")
    will.page.get_by_role("button", name="Save", exact=True).click()
    will.page.wait_for_selector(".errornote, [role=alert], .errorlist")
    will.picture("stock-conflict")
    said = will.text()
    typed = will.page.input_value("[name=change]"), will.page.input_value("[name=reason]")
    kept = Stock.objects.get(pk="mug-oak-01").on_hand
    will.page.get_by_role("button", name="Save", exact=True).click()
    will.page.wait_for_selector("#result_list")
    will.picture("stock-list")

    assert "1005" in said
    assert typed == ("-3", "broken")
    assert kept == 1005
    assert Stock.objects.get(pk="mug-oak-01").on_hand == 1002


def test_a_lead_decides_returns_keeps_a_view_exports_it_and_does_a_hundred_orders_at_once(api: Any, desk: Any):
    """More than a hundred are done in the background: the run is watched, and stopped."""
    asked = bought(api)
    for operation in ("confirm", "ship"):
        perform(operation, asked["id"])
    perform("request_return", asked["id"], cause="damaged")
    for _ in range(101):
        sell(api, MUG, tags=["gift"])
    lea = desk("lea", "lead")
    lea.picture("lead-home")

    assert lea.waits() == {"To confirm": "101", "Returns to approve": "1"}
    lea.claim_next("Returns to approve")
    lea.begin_with_part("Approve")
    lea.send("Approve return")
    lea.go_home()
    assert lea.waits() == {"To confirm": "101", "Returns to receive": "1"}

    lea.open_queue("To confirm")
    lea.page.locator("summary", has_text="Views").click()
    lea.page.fill("input[name=name]", "Unconfirmed")
    lea.page.get_by_role("button", name="Save", exact=True).click()
    lea.page.wait_for_selector(".list-page")
    lea.page.goto("/admin/orders/order/")
    lea.page.locator("summary", has_text="Views").click()
    lea.page.get_by_role("link", name="Unconfirmed").click()
    lea.page.wait_for_selector(".chip")
    assert asked["number"] not in lea.listed()
    lea.page.locator("summary", has_text="Export").click()
    with lea.page.expect_download() as downloaded:
        lea.page.get_by_role("button", name="CSV").click()
    assert len(downloaded.value.path().read_text().splitlines()) == 102

    lea.page.check("#tick-all")
    lea.page.select_option("select[name=action]", "confirm")
    lea.page.check("input[name=select_across]")
    lea.page.get_by_role("button", name="Go on").click()
    lea.page.wait_for_selector(".operation-form")
    lea.picture("lead-bulk")
    lea.page.get_by_role("button", name="Confirm").click()
    lea.page.wait_for_selector("#run-progress")
    assert "0 of 101" in lea.text("#run-progress")
    lea.page.click("text=Stop the run")
    lea.page.wait_for_selector("#run-progress:not([data-live])")
    call_command("sweep", "--once")
    lea.picture("lead-run")

    assert "lea stopped it." in lea.text("#run-progress")
    assert Order.objects.filter(status="pending").count() == 101
    assert [found["state"] for found in read(api, asked["id"])["returns"]] == ["approved"]


def test_an_auditor_sees_all_of_it_and_has_nothing_to_press(api: Any, desk: Any):
    """What waits, orders without their customers, the log of the staff, and who changed what."""
    order = with_a_refund(api, by="staff:sue")
    aud = desk("aud", "auditor", width=820, height=1100)
    aud.picture("auditor-home")

    assert aud.waits() == {"To confirm": "1", "Refunds to pay out": "1"}
    assert aud.page.get_by_role("button", name="claim").count() == 0
    aud.open_order(order["number"])
    aud.picture("auditor-order")
    assert aud.may() == set()
    assert "Masked" in aud.text("aside")
    aud.page.goto("/admin/audit/entry/")
    assert aud.page.locator("#result_list tbody tr").count() > 0
    aud.page.goto("/admin/admin/logentry/")
    assert aud.page.locator("main h1, main h2, main table, main p").count() > 0
    aud.page.goto(f"/admin/orders/order/{order['id']}/cancel/")

    aud.picture("auditor-refused")
    assert aud.page.locator("form [name=cause]").count() == 0
    assert read(api, order["id"])["version"] == order["version"] + 2


def test_an_administrator_opens_a_storefront_with_a_key_and_a_webhook(desk: Any):
    """What it takes until a shop can place its first order."""
    ann = desk("ann")

    ann.page.goto("/admin/orders/storefront/add/")
    ann.picture("storefront-add")
    ann.type(code="jp", name="Japan", number_prefix="JP", currency="JPY", time_zone="Asia/Tokyo")
    ann.page.get_by_role("button", name="Save", exact=True).click()
    ann.page.wait_for_selector("#result_list")
    assert "Japan" in ann.text("#result_list")

    ann.page.goto("/admin/orders/apikey/add/")
    ann.picture("key-add")
    ann.type(name="web shop")
    ann.page.select_option("[name=storefront]", label="Japan (jp)")
    for scope in ("orders:read", "orders:write"):
        ann.page.check(f"[name=scopes][value='{scope}']")
    ann.page.get_by_role("button", name="Make the key").click()
    ann.page.wait_for_selector(".secret")
    ann.picture("key-made")
    key = ann.page.inner_text(".secret")

    ann.page.goto("/admin/events/webhookendpoint/add/")
    ann.picture("webhook-add")
    ann.type(url="https://shop.test/hooks")
    ann.page.select_option("[name=storefront]", label="Japan (jp)")
    ann.page.locator(".operation-buttons button[type=submit]").click()
    ann.page.wait_for_selector(".secret")
    ann.picture("webhook-made")

    shop = Client(headers={"X-API-Key": key})
    order = sell(shop, {"product_id": "cup", "quantity": 1, "unit_amount": 500})
    ann.go_home()
    ann.open_order(order["number"])
    assert order["number"].startswith("JP-")
    assert "500 JPY to pay" in ann.text(".balance")
