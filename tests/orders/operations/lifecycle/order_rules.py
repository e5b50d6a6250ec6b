"""What must be true of an order's rows at any time, and of every step from some rows to others.

Written without the code under test: from the rows alone, rule by rule.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final

from orders.announcing.payloads import without_personal_data
from tests.orders.operations.lifecycle.order_rows import Row, Rows

Document = dict[str, Any]

# Where each operation may lead; every other one leaves the status alone.
MOVES: Final = {
    "confirm": {("pending", "confirmed")},
    "ship": {("confirmed", "confirmed"), ("confirmed", "shipped")},
    "complete": {("shipped", "completed")},
    "cancel": {
        ("pending", "pending"),
        ("pending", "canceled"),
        ("pending", "confirmed"),  # less is due, and that has been paid
        ("confirmed", "confirmed"),
        ("confirmed", "canceled"),
        ("confirmed", "shipped"),
    },
    "expire": {("pending", "canceled")},
}
# A storefront's policy confirms by these.
_MAY_CONFIRM: Final = {"amend", "record_payment", "release_hold", "restore"}
_PARTS: Final = {"items", "shipments", "payments", "credits", "refunds", "returns", "holds"}
_PERSONAL: Final = {
    "note": ("note",),
    "contact": ("contact_email", "contact_phone"),
    "shipping_address": ("shipping_address",),
    "billing_address": ("billing_address",),
    "metadata": ("metadata",),
}


def assert_order_is_right(rows: Rows) -> None:
    """Every rule that needs no history: ledger, roll-ups, money, parcels, returns, stock, event log."""
    order = rows["orders_order"][0]
    items = rows["orders_orderitem"]
    _assert_ledger(order, items)
    _assert_parcels(order, items, rows)
    _assert_returns(items, rows)
    _assert_money(order, items, rows)
    _assert_stock(order, items, rows["inventory_reservation"])
    _assert_log(order, rows)


def _assert_ledger(order: Row, items: list[Row]) -> None:
    for item in items:
        assert item["quantity"] >= 1
        assert min(item["canceled"], item["shipped"], item["returned"], item["restocked"]) >= 0
        assert item["canceled"] + item["shipped"] <= item["quantity"]
        assert item["restocked"] <= item["returned"] <= item["shipped"]
    shipped = sum(item["shipped"] for item in items)
    still_open = sum(item["quantity"] - item["canceled"] - item["shipped"] for item in items)
    match order["status"]:
        case "pending":
            assert still_open > 0
            assert shipped == 0
        case "confirmed":
            assert still_open > 0
        case "shipped" | "completed":
            assert still_open == 0
            assert shipped > 0
        case "canceled":
            assert still_open == 0
            assert shipped == 0
    assert (order["cancel_reason"] is not None) == (order["status"] == "canceled")
    if shipped == 0:
        assert order["fulfillment_status"] == "unfulfilled"
    else:
        assert order["fulfillment_status"] == ("partial" if still_open else "fulfilled")


def _assert_parcels(order: Row, items: list[Row], rows: Rows) -> None:
    parcels = {parcel["id"]: parcel for parcel in rows["orders_shipment"]}
    left: Counter[str] = Counter()
    for units in rows["orders_shipmentitem"]:
        assert units["quantity"] >= 1
        if parcels[units["shipment_id"]]["shipped_at"]:
            left[units["item_id"]] += units["quantity"]
    assert left == Counter({item["id"]: item["shipped"] for item in items if item["shipped"]})
    known_items = {item["id"] for item in items}
    assert {units["item_id"] for units in rows["orders_shipmentitem"]} <= known_items
    filled = {units["shipment_id"] for units in rows["orders_shipmentitem"]}
    for parcel in parcels.values():
        assert parcel["shipped_at"] or not parcel["delivered_at"]
        if parcel["shipped_at"] or parcel["packed_at"]:
            assert parcel["id"] in filled
    arrivals = [parcel["delivered_at"] for parcel in parcels.values() if parcel["shipped_at"]]
    if order["status"] == "completed":
        assert None not in arrivals
    if order["status"] in ("shipped", "completed", "canceled"):  # what nothing can be put into any more is gone
        assert not [parcel for parcel in parcels.values() if not parcel["shipped_at"] and parcel["id"] in filled]
    if order["status"] in ("shipped", "completed") and None not in arrivals:
        assert _moment(order["delivered_at"]) == max(_moment(arrival) for arrival in arrivals)
    else:
        assert order["delivered_at"] is None


def _assert_returns(items: list[Row], rows: Rows) -> None:
    states = {announced["id"]: announced["state"] for announced in rows["orders_return"]}
    on_the_way, returned, restocked = Counter[str](), Counter[str](), Counter[str]()
    for line in rows["orders_returnitem"]:
        state = states[line["return_id"]]
        assert 0 <= line["received"] <= line["quantity"]
        if state == "received":
            returned[line["item_id"]] += line["received"]
            restocked[line["item_id"]] += line["received"] if line["restocked"] else 0
        else:
            assert line["received"] == 0
        if state in ("requested", "approved"):
            on_the_way[line["item_id"]] += line["quantity"]
    for item in items:
        assert item["returned"] == returned[item["id"]]
        assert item["restocked"] == restocked[item["id"]]
        assert item["returned"] + on_the_way[item["id"]] <= item["shipped"]


def _assert_money(order: Row, items: list[Row], rows: Rows) -> None:
    payments = rows["orders_paymentrecord"]
    sums = Counter[str]()
    for payment in payments:
        sums[payment["kind"]] += payment["amount"]
    authorized = max(0, sums["authorization"] - sums["void"])
    assert order["payment_count"] == len(payments)
    assert order["authorized_amount"] == authorized
    assert order["captured_amount"] == sums["capture"]
    assert order["refunded_amount"] == sums["refund"]
    assert order["charged_back_amount"] == sums["chargeback"]
    waiting = [refund for refund in rows["orders_refund"] if refund["state"] in ("requested", "approved")]
    assert order["refund_pending_amount"] == sum(refund["amount"] - refund["settled_amount"] for refund in waiting)
    for refund in rows["orders_refund"]:
        assert (refund["decided_by"] is None) == (refund["state"] == "requested")

    if items[0]["unit_amount"] is not None:
        assert order["items_amount"] == sum(item["quantity"] * item["unit_amount"] for item in items)
        extras = order["shipping_amount"] + order["tax_amount"] - order["discount_amount"]
        assert order["total_amount"] == order["items_amount"] + extras
    total: int | None = order["total_amount"]
    credited = rows["orders_credit"]
    of_canceled = [credit for credit in credited if credit["cause"] in ("canceled", "amended")]
    assert order["credit_count"] == len(credited)
    assert order["credited_amount"] == sum(credit["amount"] for credit in credited)
    assert order["canceled_amount"] == sum(credit["amount"] for credit in of_canceled)
    for credit in credited:
        named = sum(line["amount"] for line in credit["lines"]) + credit["shipping_amount"]
        assert abs(named) <= abs(credit["amount"])
    assert 0 <= order["credited_amount"] <= (total or 0)
    if order["status"] == "canceled":  # nothing was shipped, so nothing is owed
        assert order["credited_amount"] == (total or 0)
    ordered: int | None = None if total is None else total - order["canceled_amount"]
    due: int | None = None if total is None else total - order["credited_amount"]
    if total is None and order["status"] == "canceled":
        ordered = due = 0
    kept = sums["capture"] - sums["refund"] - sums["chargeback"]
    assert order["payment_status"] == _payment_status(authorized, sums["capture"], kept, ordered, due)


def _payment_status(authorized: int, captured: int, kept: int, ordered: int | None, due: int | None) -> str:
    if captured == 0:
        return "authorized" if authorized else "unpaid"
    if kept < captured:  # some of it was given back
        if kept <= 0:
            return "refunded"
        return "paid" if kept == ordered else "partially_refunded"
    if due is None or ordered is None:
        return "paid"
    return "partially_paid" if kept < due else "overpaid" if kept > ordered else "paid"


def _assert_stock(order: Row, items: list[Row], reservations: list[Row]) -> None:
    """The reservation, once settled: what is neither canceled nor back on the shelf, and what of it has left."""
    wanted: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    for item in items:
        wanted[item["product_id"]] += item["quantity"] - item["canceled"] - item["restocked"]
        gone[item["product_id"]] += item["shipped"] - item["restocked"]
    (reservation,) = reservations
    held = dict(zip(reservation["product_ids"], reservation["quantities"], strict=True))
    left = Counter(dict(zip(reservation["product_ids"], reservation["shipped"], strict=False)))
    assert order["stock_action"] is None
    ended = order["status"] == "canceled" or (order["status"] == "pending" and order["deleted_at"])
    if ended or not +wanted:
        assert reservation["state"] == "released"
    else:
        assert reservation["state"] == ("held" if order["status"] == "pending" else "confirmed")
        assert held == dict(+wanted)
        assert +left == +gone


def _assert_log(order: Row, rows: Rows) -> None:
    sequences = [event["sequence"] for event in rows["events_event"]]
    assert sequences == list(range(1, order["version"] + 1))
    queued = [(entry["event_id"], entry["sequence"]) for entry in rows["events_outbox"]]
    assert queued == [(event["id"], event["sequence"]) for event in rows["events_event"]]


# --- one step ------------------------------------------------------------------------------------------


def assert_nothing_changed(before: Rows, after: Rows) -> None:
    """Also not by a refusal. A refused amendment may have asked the inventory and taken it back: revisions count."""
    assert _without_revisions(after) == _without_revisions(before)


def _without_revisions(rows: Rows) -> Rows:
    counted = {"stock_revision", "revision"}
    tables: Rows = {}
    for table, found in rows.items():
        left_out = counted | {"updated_at"} if table == "inventory_reservation" else counted
        tables[table] = [{name: value for name, value in row.items() if name not in left_out} for row in found]
    return tables


def assert_step_is_right(operation: str, actor: str, before: Rows, after: Rows, document: Document) -> None:
    """One version, one event that tells exactly the difference, and the status where the operation leads."""
    old, new = before["orders_order"][0], after["orders_order"][0]
    assert new["version"] == old["version"] + 1
    move = (old["status"], new["status"])
    assert move in MOVES.get(operation, set()) or (
        operation not in MOVES
        and (old["status"] == new["status"] or (operation in _MAY_CONFIRM and move == ("pending", "confirmed")))
    )
    assert after["events_event"][:-1] == before["events_event"]
    event = after["events_event"][-1]
    assert event["sequence"] == new["version"]
    assert event["type"] == {"delete": "order.deleted", "restore": "order.restored"}.get(operation, "order.updated")
    assert (event["data"]["operation"], event["actor"], event["data"]["version"]) == (
        operation,
        actor,
        new["version"],
    )
    assert event["data"]["order"] == without_personal_data(document)
    _assert_changes_are_the_difference(operation, before, after)
    _assert_money_step(operation, before, after, event["data"]["instructions"])


def _assert_changes_are_the_difference(operation: str, before: Rows, after: Rows) -> None:
    changes = dict(after["events_event"][-1]["data"]["changes"])
    if operation in ("delete", "restore"):
        assert changes.pop("deleted") == [operation == "restore", operation == "delete"]
    old, new = before["orders_order"][0], after["orders_order"][0]
    for field, columns in _PERSONAL.items():
        assert (field in changes) == any(old[column] != new[column] for column in columns)
        if field in changes:
            assert changes.pop(field) == [None, None]
    was, is_now = before["events_event"][-1]["data"]["order"], after["events_event"][-1]["data"]["order"]
    differ = {name for name in is_now if was[name] != is_now[name]} - {"version", "updated_at"}
    assert set(changes) == differ
    for name, (told_before, told_after) in changes.items():
        if name in _PARTS:
            old_fields, new_fields = _fields(was[name]), _fields(is_now[name])
            assert _fields(told_before) == {at: v for at, v in old_fields.items() if new_fields.get(at, ...) != v}
            assert _fields(told_after) == {at: v for at, v in new_fields.items() if old_fields.get(at, ...) != v}
        else:
            assert (told_before, told_after) == (was[name], is_now[name])


def _fields(parts: list[Document]) -> dict[tuple[str, str], Any]:
    return {(part["id"], name): value for part in parts for name, value in part.items() if name != "id"}


def _assert_money_step(operation: str, before: Rows, after: Rows, instructions: list[Document]) -> None:
    old, new = before["orders_order"][0], after["orders_order"][0]
    assert after["orders_paymentrecord"][: len(before["orders_paymentrecord"])] == before["orders_paymentrecord"]
    added = after["orders_paymentrecord"][len(before["orders_paymentrecord"]) :]
    assert len(added) == (operation == "record_payment")
    for payment in added:
        ended = old["status"] == "canceled" or old["deleted_at"] is not None
        assert payment["late"] == (ended and payment["kind"] in ("authorization", "capture"))
    if new["refund_pending_amount"] > old["refund_pending_amount"]:
        given_back = new["refunded_amount"] + new["charged_back_amount"] + new["refund_pending_amount"]
        assert given_back <= new["captured_amount"]
    known = {refund["id"]: refund["state"] for refund in before["orders_refund"]}
    to_pay_out = [
        (refund["id"], refund["amount"] - refund["settled_amount"])
        for refund in after["orders_refund"]
        if refund["state"] == "approved" and known.get(refund["id"]) != "approved"
    ]
    told = [(told["refund_id"], told["amount"]) for told in instructions if told["kind"] == "refund"]
    assert told == to_pay_out


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
