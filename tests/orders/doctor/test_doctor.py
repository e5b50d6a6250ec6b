"""`manage.py doctor`: a sound world passes, and each kind of damage is found under its code."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from threading import Event as Flag
from threading import Thread
from typing import Any, Final
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from events import outbox
from events.models import OutboxEntry
from events.outbox import NewEvent
from inventory_client.models import Stock
from inventory_client.stock import set_stock_levels
from orders.announcing.payloads import without_personal_data
from orders.doctor import CHECKS, answers, examined_orders
from orders.models import IdempotentAnswer, Order, Storefront
from orders.reading.documents import document_of
from orders.requests.operations import AmendedItem, Units
from orders.rules.ids import new_id_at
from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.asking import everything, item_ids, sell


def doctor(*arguments: str, **options: Any) -> tuple[int, list[str]]:
    """Exit code and lines."""
    out = io.StringIO()
    try:
        call_command("doctor", *arguments, stdout=out, **options)
    except CommandError as error:
        return error.returncode, out.getvalue().splitlines()
    return 0, out.getvalue().splitlines()


def examined(**options: Any) -> tuple[int, dict[str, Any]]:
    """Exit code and the JSON document."""
    code, lines = doctor("--json", **options)
    return code, json.loads("\n".join(lines))


def found(**options: Any) -> dict[str, int]:
    """What the checks have found, by code."""
    _, report = examined(**options)
    return {check["code"]: check["count"] for check in report["checks"] if check["count"]}


def units(order: dict[str, Any], **quantities: int) -> list[Units]:
    ids = item_ids(order)
    return [Units(UUID(ids[product_id]), quantity) for product_id, quantity in quantities.items()]


@pytest.fixture
def sold(api) -> dict[str, Any]:
    """Paid, sent in two parcels, arrived; one cup came back and is refunded."""
    order: dict[str, Any] = sell(api)
    order_id = order["id"]
    perform("record_payment", order_id, kind="authorization", amount=3000, psp_reference="a-1")
    perform("record_payment", order_id, kind="capture", amount=3000, psp_reference="c-1")
    perform("confirm", order_id)
    perform("ship", order_id, items=units(order, cup=2))
    perform("ship", order_id)
    perform("deliver", order_id)
    perform("request_return", order_id, cause="unwanted", items=units(order, cup=1))
    perform("approve_return", order_id)
    perform("receive_return", order_id)
    refund = perform("request_refund", order_id, amount=1000)["refunds"][0]
    perform(
        "record_payment",
        order_id,
        kind="refund",
        amount=1000,
        psp_reference="r-1",
        refund_id=UUID(refund["id"]),
    )
    return order


@pytest.fixture
def waiting(api) -> dict[str, Any]:
    """Pending, and nothing has happened yet."""
    order: dict[str, Any] = sell(api)
    return order


# --- a sound world -----------------------------------------------------------------------------------


@pytest.fixture
def every_life(api, sold, waiting, settings) -> None:
    """Orders that went every way there is, told by what is left of them."""
    partly, canceled, deleted, restored, held, completed = (sell(api) for _ in range(6))
    settings.RESERVATION_MINUTES = 0
    expired = sell(api)
    perform("record_payment", partly["id"], kind="capture", amount=4000, psp_reference="c-2")
    perform("confirm", partly["id"])
    perform("cancel", partly["id"], items=units(partly, plate=1))
    perform("ship", partly["id"], items=units(partly, cup=1))
    perform("pack", partly["id"])
    perform("record_payment", canceled["id"], kind="authorization", amount=3000, psp_reference="a-3")
    perform("cancel", canceled["id"])
    perform("record_payment", canceled["id"], kind="void", amount=5000, psp_reference="v-3")
    perform("expire", expired["id"])
    for order in (deleted, restored):
        perform("delete", order["id"])
    perform("restore", restored["id"])
    perform("delete", restored["id"])
    perform("restore", restored["id"])
    set_stock_levels({"bowl": 10})
    ids = {product_id: UUID(item_id) for product_id, item_id in item_ids(held).items()}
    perform(
        "amend",
        held["id"],
        items=[
            AmendedItem(item_id=ids["cup"], quantity=3),
            AmendedItem(item_id=ids["plate"], quantity=0),
            AmendedItem(product_id="bowl", quantity=1, unit_amount=700),
        ],
    )
    perform("hold", held["id"], kind=HoldKind.FRAUD)
    perform("confirm", completed["id"])
    perform("ship", completed["id"])
    perform("complete", completed["id"])
    perform("record_payment", completed["id"], kind="chargeback", amount=10, psp_reference="b-1")
    perform("track", waiting["id"], tracking_number="1Z")


def test_a_sound_world_passes_and_is_only_read(every_life):
    before = everything()

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction read only")
        code, lines = doctor()

    assert (code, lines) == (
        0,
        [f"9 orders examined by {len(CHECKS)} checks: 0 found errors, 0 found something to look at."],
    )
    assert everything() == before


def test_an_empty_database_is_sound(database):
    assert doctor()[0] == 0


# --- damage ------------------------------------------------------------------------------------------

_OLD_ID: Final = new_id_at(timezone.now() - timedelta(days=2))
_NOBODY: Final = UUID("01920000-0000-7000-8000-000000000000")

_WRITABLE: Final = "alter table events_event disable trigger event_append_only"


def _altered(data: str, *, sequence: int) -> str:
    """The order that was sold: placed (1), authorized (2), captured (3), confirmed (4), …"""
    return f"{_WRITABLE};update events_event set data = {data} where stream_id = {{S}} and sequence = {sequence}"


_NUMBERED: Final = "select events_feed_number(storefront_id::integer, 1000) from orders_order where id = {W};"


def _event(sequence: int) -> str:
    return f"(select id from events_event where stream_id = {{S}} and sequence = {sequence})"


# What is done to the rows behind the operations' back, and what is then found. {S} is the order that was sold, {W} the
# one that waits. What stands in the order's document differs from its last event too.
DAMAGES: Final[dict[str, tuple[set[str], str]]] = {
    "the items are gone": (
        {"order_without_items", "event_not_as_order"},
        "delete from orders_orderitem where order_id = {W}",
    ),
    "an item of no order": (
        {"stray_row", "items_amount_not_as_items", "event_not_as_order"},
        "update orders_orderitem set order_id = {NOBODY} where order_id = {W} and product_id = 'cup'",
    ),
    "an item of another storefront": (
        {"stray_row"},
        "update orders_orderitem set storefront_id = {OTHER} where order_id = {W} and product_id = 'cup'",
    ),
    "an order of no storefront": (
        {"stray_row", "event_of_no_order", "event_not_as_order"},
        "update orders_orderitem set storefront_id = 0 where order_id = {W};"
        "update orders_order set storefront_id = 0 where id = {W}",
    ),
    "an order of no storefront with a wrong status": (
        {"stray_row", "event_of_no_order", "event_not_as_order", "status_not_as_ledger"},
        "update orders_orderitem set storefront_id = 0 where order_id = {W};"
        "update orders_order set storefront_id = 0, status = 'shipped' where id = {W}",
    ),
    "a parcel with another order's units": (
        {"stray_row", "shipped_not_as_parcels", "event_not_as_order"},
        "update orders_shipmentitem set item_id = (select min(id::text)::uuid from orders_orderitem "
        "where order_id = {W}) where id = (select min(id) from orders_shipmentitem)",
    ),
    "a return of another order's units": (
        {"stray_row", "returned_not_as_returns", "event_not_as_order"},
        "update orders_returnitem set item_id = (select min(id::text)::uuid from orders_orderitem "
        "where order_id = {W})",
    ),
    "a refund of another storefront": ({"stray_row"}, "update orders_refund set storefront_id = {OTHER}"),
    "a payment of another order's refund": (
        {
            "stray_row",
            "event_not_as_order",
            "pending_not_as_refunds",
            "refunds_exceed_captures",
            "refund_not_as_payments",
        },
        "alter table orders_paymentrecord disable trigger orders_payment_fact;"
        "insert into orders_refund (id, order_id, storefront_id, amount, state, requested_by, requested_at) "
        "select {NOBODY}, {W}, storefront_id, 5, 'requested', 'staff:ann', now() from orders_order where id = {W};"
        "update orders_paymentrecord set refund_id = {NOBODY} where kind = 'refund'",
    ),
    "counts that exceed each other": (
        {"item_out_of_bounds", "returned_not_as_returns", "event_not_as_order"},
        "alter table orders_orderitem drop constraint order_item_returned_was_shipped;"
        "update orders_orderitem set returned = 9 where order_id = {S} and product_id = 'cup'",
    ),
    "more in the parcels than was shipped": (
        {"shipped_not_as_parcels", "event_not_as_order"},
        "update orders_shipmentitem set quantity = quantity + 1 where id = (select min(id) from orders_shipmentitem)",
    ),
    "less in the returns than was returned": (
        {"returned_not_as_returns", "event_not_as_order"},
        "update orders_returnitem set received = 0",
    ),
    "not restocked after all": (
        {"returned_not_as_returns", "event_not_as_order"},
        "update orders_returnitem set restocked = false",
    ),
    "a status the items do not say": (
        {"status_not_as_ledger", "event_not_as_order"},
        "update orders_order set status = 'shipped' where id = {W}",
    ),
    "a fulfillment the items do not say": (
        {"status_not_as_ledger", "event_not_as_order"},
        "update orders_order set fulfillment_status = 'partial' where id = {S}",
    ),
    "a cancel reason without an end": (
        {"status_not_as_ledger", "event_not_as_order"},
        "update orders_order set cancel_reason = 'fraud' where id = {W}",
    ),
    "another arrival than the parcels'": (
        {"delivered_at_not_as_parcels"},
        "update orders_order set delivered_at = null where id = {S}",
    ),
    "another sum than the items'": (
        {"items_amount_not_as_items", "event_not_as_order"},
        "update orders_order set items_amount = 2600, total_amount = 3100 where id = {W}",
    ),
    "another total than the sums'": (
        {"total_amount_not_as_parts", "event_not_as_order"},
        "alter table orders_order drop constraint order_total_adds_up;"
        "update orders_order set total_amount = 3100 where id = {W}",
    ),
    "more authorized than recorded": (
        {"money_not_as_payments", "event_not_as_order"},
        "update orders_order set authorized_amount = 3001 where id = {S}",
    ),
    "more captured than recorded": (
        {"money_not_as_payments", "event_not_as_order"},
        "update orders_order set captured_amount = 3001 where id = {S}",
    ),
    "less refunded than recorded": (
        {"money_not_as_payments", "event_not_as_order"},
        "update orders_order set refunded_amount = 999 where id = {S}",
    ),
    "more charged back than recorded": (
        {"money_not_as_payments", "event_not_as_order"},
        "update orders_order set charged_back_amount = 1 where id = {S}",
    ),
    "another number of payments": (
        {"money_not_as_payments"},
        "update orders_order set payment_count = 7 where id = {S}",
    ),
    "more pending than the open refunds": (
        {"pending_not_as_refunds"},
        "update orders_order set refund_pending_amount = 5 where id = {S}",
    ),
    "another canceled amount": (
        {"credited_amount_not_as_credits", "event_not_as_order"},
        "update orders_order set canceled_amount = 5 where id = {S}",
    ),
    "another payment status": (
        {"payment_status_not_as_money", "event_not_as_order"},
        "update orders_order set payment_status = 'paid' where id = {S}",
    ),
    "more refunds than captures": (
        {"refunds_exceed_captures", "refund_not_as_payments", "event_not_as_order"},
        "insert into orders_refund (id, order_id, storefront_id, amount, settled_amount, state, requested_by, "
        "requested_at) select {NOBODY}, {S}, storefront_id, 2001, 2001, 'settled', 'staff:ann', now() "
        "from orders_order where id = {S}",
    ),
    "a credit that is gone": (
        {"credited_amount_not_as_credits", "event_not_as_order"},
        "delete from orders_credit where order_id = {S}",
    ),
    "credits of more than the total": (
        {"credits_not_as_ledger", "event_not_as_order"},
        "update orders_credit set amount = 3001 where order_id = {S};"
        "update orders_order set credited_amount = 3001 where id = {S}",
    ),
    "a credit for units that never came back": (
        {"credits_not_as_ledger", "event_not_as_order"},
        """update orders_credit set lines = jsonb_set(lines, '{{0,quantity}}', '2') where order_id = {S}""",
    ),
    "a credit of another storefront": ({"stray_row"}, "update orders_credit set storefront_id = {OTHER}"),
    "a refund that tells otherwise what was paid out": (
        {"refund_not_as_payments", "event_not_as_order"},
        "update orders_refund set settled_amount = 400",
    ),
    "a refund of less than was paid out": (
        {"refund_settled_for_more", "event_not_as_order"},
        "update orders_refund set amount = 900",
    ),
    "a refund that was paid out unapproved": (
        {"refund_paid_unapproved", "event_not_as_order"},
        "update orders_refund set state = 'rejected'",
    ),
    "a version without an event": (
        {"events_not_as_version"},
        "update orders_order set version = version + 1 where id = {S}",
    ),
    "an event beyond the version": (
        {"events_not_as_version"},
        "insert into events_event select (json_populate_record(event, json_build_object('id', {NOBODY}, "
        "'sequence', 9))).* from events_event event where stream_id = {W}",
    ),
    "a customer no event knows": (
        {"event_not_as_order"},
        "update orders_order set customer_id = 'somebody else' where id = {W}",
    ),
    "an earlier event that was altered": (
        {"event_not_as_before"},
        _altered("jsonb_set(data, '{{order,customer_id}}', '\"mallory\"')", sequence=2),
    ),
    "a change that was altered": (
        {"event_not_as_before"},
        _altered("jsonb_set(data, '{{changes,status}}', '[\"pending\", \"shipped\"]')", sequence=4),
    ),
    "a change that was taken out": (
        {"event_not_as_before"},
        _altered("data #- '{{changes,status}}'", sequence=4),
    ),
    "a change of a part that was altered": (
        {"event_not_as_before"},
        _altered("jsonb_set(data, '{{changes,payments,1,0,amount}}', '1')", sequence=3),
    ),
    "two events that were swapped": (
        {"event_out_of_place", "event_not_as_before", "queued_not_as_event"},
        f"{_WRITABLE};"
        "update events_event set sequence = 99 where stream_id = {S} and sequence = 2;"
        "update events_event set sequence = 2 where stream_id = {S} and sequence = 3;"
        "update events_event set sequence = 3 where stream_id = {S} and sequence = 99",
    ),
    "an event of another type": (
        {"event_out_of_place", "deletion_not_told"},
        f"{_WRITABLE};update events_event set type = 'order.deleted' where stream_id = {{S}} and sequence = 2",
    ),
    "an event of another version": (
        {"event_out_of_place"},
        _altered("jsonb_set(data, '{{version}}', '9')", sequence=2),
    ),
    "an event with another order": (
        {"event_out_of_place", "event_not_as_before"},
        _altered("(select data from events_event where stream_id = {W} and sequence = 1)", sequence=2),
    ),
    "events of no shape at all": (
        {"event_out_of_place", "event_not_as_order"},
        f"{_WRITABLE};"
        'update events_event set data = \'{{"order": 5, "changes": [7]}}\' where stream_id = {S};'
        "update events_event set data = '[]' where stream_id = {S} and sequence = 2",
    ),
    "a deletion nobody tells of": (
        {"deletion_not_told"},
        "update orders_order set deleted_at = now() where id = {W}",
    ),
    "an event of no order": (
        {"event_of_no_order"},
        "insert into events_event select (json_populate_record(event, json_build_object('id', {NOBODY}, "
        "'stream_id', {NOBODY}))).* from events_event event where stream_id = {W}",
    ),
    "a queue entry of no event": (
        {"queued_without_event"},
        "update events_outbox set event_id = {NEW} where stream_id = {W}",
    ),
    "a queue entry in another bucket": (
        {"queued_not_as_event"},
        "update events_outbox set bucket = (bucket + 1) % 64 where stream_id = {W}",
    ),
    "a queue entry of another number": (
        {"queued_not_as_event"},
        "update events_outbox set sequence = 5 where stream_id = {W}",
    ),
    "a queue entry of another order": (
        {"queued_not_as_event"},
        "update events_outbox set stream_id = {NOBODY} where stream_id = {W}",
    ),
    "a queue entry of another storefront": (
        {"queued_not_as_event"},
        "update events_outbox set storefront_id = {OTHER} where stream_id = {W}",
    ),
    "a queue entry that stands twice": (
        {"queued_out_of_order"},
        "insert into events_outbox (sink, bucket, event_id, storefront_id, stream_id, sequence) "
        "select sink, bucket, event_id, storefront_id, stream_id, sequence from events_outbox where stream_id = {W}",
    ),
    "queue entries in another order than their events": (
        {"queued_out_of_order"},
        "update events_outbox set id = nextval(pg_get_serial_sequence('events_outbox', 'id')) "
        "where stream_id = {S} and sequence = 2",
    ),
    "an event nobody takes": (
        {"events_parked"},
        "update events_outbox set next_attempt_at = '9999-01-01T00:00Z', last_error = 'too long' where stream_id = {W}",
    ),
    "an event that came in and cannot be handled": (
        {"dead_letters"},
        "insert into events_inbox (came_by, source, event_id, state, last_error) values ('x', '/x', '1', 'dead', 'no')",
    ),
    "an event that came in and nobody handles": (
        {"inbox_late"},
        "insert into events_inbox (came_by, source, event_id, state, next_attempt_at) "
        "values ('x', '/x', '1', 'due', now() - interval '1 hour')",
    ),
    "an event of the day before yesterday in the queue": (
        {"events_late", "queued_without_event"},
        # One of another order in the same bucket could be the first there.
        "delete from events_outbox where stream_id <> {W};"
        "update events_outbox set event_id = {OLD} where stream_id = {W}",
    ),
    "a webhook endpoint that is gone": (
        {"webhook_endpoint_disabled"},
        "insert into events_webhook_endpoint (id, storefront_id, source, url, description, types, "
        "ordered, api_version, secret, disabled_at, disabled_because, disabled_by, made_by) "
        "select id, storefront_id, '/storefronts/au', 'https://hooks.example.com/', '', '{{}}', false, 'v1', '', "
        "now(), 'gone', 'system:webhooks', 'key:a' "
        "from orders_order where id = {W}",
    ),
    "a queue nobody serves": (
        {"events_for_unknown_sink"},
        "update events_outbox set sink = 'gone' where stream_id = {W}",
    ),
    "an event the feed passes over": (
        {"event_not_in_feed"},
        "delete from events_feed_arrival arrival using events_event event "
        "where arrival.event_id = event.id and event.stream_id = {W}",
    ),
    "an event that is to stand in the feed twice": (
        {"feed_not_as_log"},
        f"{_NUMBERED} insert into events_feed_arrival (storefront_id, event_id) "
        "select storefront_id, event_id from events_feed where position = 1",
    ),
    "an event in another storefront's feed": (
        {"feed_not_as_log", "feed_gap"},
        f"{_NUMBERED} update events_feed set storefront_id = {{OTHER}}, position = 1 where position = 1",
    ),
    "events in another order than their order's": (
        {"feed_not_as_log"},
        f"{_NUMBERED} update events_feed set event_id = {{NEW}} where event_id = {_event(1)};"
        f"update events_feed set event_id = {_event(1)} where event_id = {_event(2)};"
        f"update events_feed set event_id = {_event(2)} where event_id = {{NEW}}",
    ),
    "a position without an event": (
        {"feed_gap"},
        f"{_NUMBERED} update events_feed_head set position = position + 1",
    ),
    "a position beyond the head": (
        {"feed_gap"},
        f"{_NUMBERED} update events_feed_head set position = position - 1",
    ),
    "an event of the day before yesterday without a position": (
        {"feed_late", "event_not_in_feed"},
        "update events_feed_arrival set event_id = {OLD} where id = (select min(id) from events_feed_arrival)",
    ),
    "a day that tells of more than was sold": (
        {"sales_day_not_as_orders"},
        "insert into orders_sales_progress (storefront_id, position, counted_from) "
        "select storefront_id, 0, '0001-01-01' from orders_order where id = {W};"
        "insert into orders_sales_day (storefront_id, day, currency, placed, revenue) "
        "select storefront_id, (now() at time zone 'UTC')::date, 'AUD', 5, 100 from orders_order where id = {W}",
    ),
    "an answer with an order that is not there": (
        {"answer_of_no_order"},
        "insert into orders_idempotentanswer (storefront_id, key, fingerprint, status, headers, body, created_at) "
        "select storefront_id, 'k', '', 201, '{{}}', convert_to('{{\"id\": \"' || {NOBODY} || '\"}}', 'UTF8'), now() "
        "from orders_order where id = {W}",
    ),
    "an answer with another storefront's order": (
        {"answer_of_no_order"},
        "insert into orders_idempotentanswer (storefront_id, key, fingerprint, status, headers, body, created_at) "
        "values ({OTHER}, 'k', '', 201, '{{}}', convert_to('{{\"id\": \"' || {W} || '\"}}', 'UTF8'), now())",
    ),
    "an answer that is none": (
        {"answer_of_no_order"},
        "insert into orders_idempotentanswer (storefront_id, key, fingerprint, status, headers, body, created_at) "
        "values ({OTHER}, 'k', '', 201, '{{}}', 'no', now())",
    ),
    "more reserved than is held": (
        {"stock_not_as_reservations"},
        "update inventory_stock set reserved = reserved + 5 where product_id = 'cup'",
    ),
    "less reserved than is held": (
        {"stock_not_as_reservations"},
        "update inventory_stock set reserved = reserved - 1 where product_id = 'cup'",
    ),
    "more shipped than the reservations say": (
        {"stock_not_as_reservations"},
        "update inventory_stock set shipped = shipped + 2, on_hand = on_hand - 2 where product_id = 'cup'",
    ),
    "a reservation that says nothing of what has left": (
        {"stock_shipped_not_as_order", "stock_not_as_reservations"},
        "update inventory_reservation set shipped = '{{}}' "
        "where id = (select reservation_id from orders_order where id = {S})",
    ),
    "a product the ledger has lost": (
        {"stock_not_as_reservations"},
        "delete from inventory_stock where product_id = 'plate'",
    ),
    "more promised than there are": (
        {"stock_oversold"},
        "update inventory_stock set on_hand = reserved - 1, oversold = 1 where product_id = 'cup'",
    ),
    "a reservation ahead of its order": (
        {"stock_revision_behind"},
        "update inventory_reservation set revision = revision + 3 "
        "where id = (select reservation_id from orders_order where id = {W})",
    ),
    "a pending order past its time": (
        {"pending_lasts", "event_not_as_order"},
        "update orders_order set reserved_until = now() - interval '2 hours' where id = {W}",
    ),
    "an inventory that has not been told": (
        {"inventory_not_told", "event_not_as_order"},
        "update orders_order set stock_action = 'confirm', updated_at = now() - interval '1 hour' where id = {W}",
    ),
    "an order that upkeep fails with": (
        {"upkeep_fails"},
        "insert into orders_upkeepfailure (order_id, storefront_id, upkeep, attempts, error, failed_at, retry_at) "
        "select {W}, storefront_id, 'expire', 3, 'LookupError', now(), now() from orders_order where id = {W}",
    ),
}


def test_each_damage_is_found_under_its_code(sold, waiting, other_storefront):
    names = {
        "S": f"'{sold['id']}'::uuid",
        "W": f"'{waiting['id']}'::uuid",
        "OTHER": str(other_storefront.pk),
        "NOBODY": f"'{_NOBODY}'::uuid",
        "OLD": f"'{_OLD_ID}'::uuid",
        "NEW": f"'{new_id_at(timezone.now())}'::uuid",
    }
    results = {}
    for name, (_, statements) in DAMAGES.items():
        with transaction.atomic():
            with connection.cursor() as cursor:
                for statement in statements.format(**names).split(";"):
                    cursor.execute(statement)
            code, report = examined()
            results[name] = {check["code"] for check in report["checks"] if check["count"]}
            errors = {check for check in results[name] if CHECKS[check].severity == "error"}
            assert (code, report["healthy"]) == ((1, False) if errors else (0, True)), name
            transaction.set_rollback(True)

    assert results == {name: expected for name, (expected, _) in DAMAGES.items()}
    assert found() == {}


def test_a_restoration_nobody_tells_of(waiting):
    perform("delete", waiting["id"])
    Order.all_objects.update(deleted_at=None)

    assert found() == {"deletion_not_told": 1}


def test_an_answer_of_no_order_is_found_whichever_call_it_answered(api, stock):
    stock(cup=10)
    item = {"product_id": "cup", "quantity": 1}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/api/v1/orders", {"customer_id": "c", "items": [item]}),
        (
            "/api/v1/orders/batch",
            {
                "orders": [
                    {"customer_id": "c", "items": [item]},
                    {"customer_id": "c", "items": [{**item, "quantity": 99}]},
                ]
            },
        ),
        ("/order/create", {"customerId": "c", "items": [{"productId": "cup", "quantity": 1}]}),
    ]
    for path, body in calls:
        response = api.post(path, body, content_type="application/json", headers={"Idempotency-Key": path})
        assert response.status_code in (200, 201)
    ids = [str(order_id) for order_id in Order.objects.values_list("pk", flat=True)]
    confirm = {"operation": "confirm", "ids": ids[:1]}
    api.post(
        "/api/v1/orders/bulk", confirm, content_type="application/json", headers={"Idempotency-Key": "bulk"}
    ).json()
    assert found() == {}

    for answer in IdempotentAnswer.objects.all():
        for order_id in ids:
            answer.body = bytes(answer.body).replace(order_id.encode(), str(_NOBODY).encode())
        answer.save()

    assert found() == {"answer_of_no_order": 4}


def test_it_works_through_more_answers_than_it_reads_at_once(waiting, monkeypatch):
    monkeypatch.setattr(answers, "_ANSWERS_AT_ONCE", 2)
    for number in range(5):
        IdempotentAnswer.objects.create(storefront_id=7, key=f"k{number}", fingerprint=b"", status=201, body=b"no")

    assert found() == {"answer_of_no_order": 5}
    assert found(storefront="au") == {}


def test_an_order_that_was_changed_between_two_events_is_found_for_good(waiting):
    """Consumers of the log were never told."""
    Order.objects.update(customer_id="somebody else")
    perform("track", waiting["id"], tracking_number="1Z")

    assert found() == {"event_not_as_before": 1}


def test_every_check_is_tried_here():
    tried = set().union(*(expected for expected, _ in DAMAGES.values()))

    assert tried | STUCK == set(CHECKS)


def test_history_that_came_in_the_middle_of_its_life_is_taken_on_trust(waiting):
    """Earlier releases imported orders as they stood: shipped and paid, without parcels and payments."""
    order = Order.objects.get()
    item = order.lines[0]
    order.pk, order.number, order.reservation_id = new_id_at(timezone.now()), "AU-1", None
    order.status, order.fulfillment_status, order.payment_status = "completed", "fulfilled", "paid"
    order.items_amount, order.total_amount = 2000, 2500
    order.save(force_insert=True)
    item.pk, item.order_id, item.shipped = new_id_at(timezone.now()), order.pk, item.quantity
    item.save(force_insert=True)
    told = without_personal_data(document_of(order))
    event = NewEvent(
        id=order.pk,
        storefront_id=order.storefront_id,
        source="/storefronts/au",
        stream_id=order.pk,
        sequence=1,
        type="order.created",
        occurred_at=order.placed_at,
        actor="system:import_orders",
        data={"order": told},
    )
    outbox.append([event])

    trusted = found()
    Order.objects.filter(pk=order.pk).update(reservation_id=order.pk)

    assert trusted == {}
    assert found() == {"shipped_not_as_parcels": 1, "payment_status_not_as_money": 1}


# --- what waits for somebody -------------------------------------------------------------------------

STUCK: Final = {
    *("hold_lasts", "refund_not_decided", "refund_not_settled", "return_not_received", "late_payment"),
    "bulk_run_stands",  # tests/orders/management/test_bulk_runs_command.py
    *("requests_late", "requests_parked"),  # tests/orders/requested/test_watching.py
    "refund_not_asked_for",  # tests/orders/admin/test_unapproved_refunds.py
}


def test_what_waits_for_a_person_is_told_once_it_has_waited_long(api, sold, waiting):
    Storefront.objects.update(refund_approval_above=1500)
    perform("hold", waiting["id"], kind=HoldKind.ADDRESS, by="staff:will")
    perform("request_return", sold["id"], cause="damaged", items=units(sold, plate=1))
    perform("approve_return", sold["id"])
    perform("request_refund", sold["id"], amount=100, by="staff:will")  # approved at once: 1,100 in all
    perform("request_refund", sold["id"], amount=500, by="staff:will")

    code, report = examined(patience=0)

    assert (code, report["healthy"]) == (0, True)
    checks = {check["code"]: check for check in report["checks"] if check["count"]}
    assert set(checks) == {"hold_lasts", "refund_not_decided", "refund_not_settled", "return_not_received"}
    assert {check["severity"] for check in checks.values()} == {"warning"}
    assert checks["hold_lasts"]["examples"][0]["detail"].startswith("address by staff:will since 20")
    assert checks["refund_not_settled"]["examples"][0]["detail"].startswith("100 approved at 20")
    assert found() == {}


def test_money_that_came_too_late_is_told_until_it_is_given_back(waiting):
    perform("cancel", waiting["id"])
    perform("record_payment", waiting["id"], kind="capture", amount=3000, psp_reference="c-9")

    before = found()
    perform("request_refund", waiting["id"])
    after = found()

    assert (before, after) == ({"late_payment": 1}, {})


def test_a_late_authorization_is_told_until_it_is_voided(waiting):
    perform("cancel", waiting["id"])
    perform("record_payment", waiting["id"], kind="authorization", amount=3000, psp_reference="a-9")

    before = found()
    perform("record_payment", waiting["id"], kind="void", amount=3000, psp_reference="v-9")
    after = found()

    assert (before, after) == ({"late_payment": 1}, {})


# --- what it says ------------------------------------------------------------------------------------


def test_it_says_what_is_wrong_with_which_order_and_what_to_do(sold):
    Order.objects.update(refund_pending_amount=7)

    code, lines = doctor()

    assert (code, lines) == (
        1,
        [
            "ERROR pending_not_as_refunds (1): An order's refund_pending_amount is not the sum of its open refunds.",
            f"    {sold['number']}: refund_pending_amount is 7, its open refunds make 0",
            "    → Read the order's timeline for what should stand there, correct the row in SQL, and find out who "
            "wrote it past orders.operations.",
            f"1 orders examined by {len(CHECKS)} checks: 1 found errors, 0 found something to look at.",
        ],
    )


def test_it_says_which_product_is_counted_wrong(waiting):
    Stock.objects.filter(pk="cup").update(reserved=7)
    Stock.objects.filter(pk="plate").delete()

    code, lines = doctor()

    assert (code, lines[0].split(":")[0]) == (1, "ERROR stock_not_as_reservations (2)")
    assert lines[1:3] == [
        "    cup: 7 reserved; of its reservations 2 reserved",
        "    plate: no stock row; of its reservations 1 reserved",
    ]
    assert (found(storefront="au"), found(since=2)) == ({}, {})


def test_of_many_it_shows_the_first_and_counts_the_rest(api):
    orders = [sell(api) for _ in range(7)]
    Order.objects.update(refund_pending_amount=7)

    _, lines = doctor()
    _, report = examined()

    assert lines[0].startswith("ERROR pending_not_as_refunds (7): ")
    assert [line.split(":")[0].strip() for line in lines[1:6]] == [order["number"] for order in orders[:5]]
    assert lines[6] == "    … and 2 more"
    (check,) = [check for check in report["checks"] if check["count"]]
    assert (check["code"], check["severity"], check["count"]) == ("pending_not_as_refunds", "error", 7)
    assert check["examples"][0] == {
        "order_id": orders[0]["id"],
        "number": orders[0]["number"],
        "detail": "refund_pending_amount is 7, its open refunds make 0",
    }


def test_the_document_names_every_check_also_those_that_found_nothing(database):
    code, report = examined()

    assert (code, report["healthy"], report["orders"]) == (0, True, 0)
    assert [check["code"] for check in report["checks"]] == list(CHECKS)
    assert {check["count"] for check in report["checks"]} == {0}


# --- which orders ------------------------------------------------------------------------------------


def test_a_storefront_alone(waiting, client_of, other_storefront):
    theirs = sell(client_of(other_storefront))
    Order.objects.filter(pk=theirs["id"]).update(refund_pending_amount=7)
    OutboxEntry.objects.filter(stream_id=theirs["id"]).update(sink="console", next_attempt_at="9999-01-01T00:00Z")

    assert examined(storefront="au")[0] == 0
    assert found(storefront="au") == {}
    assert found(storefront="nz") == {"pending_not_as_refunds": 1, "events_parked": 1}
    with pytest.raises(CommandError, match=r"^There is no storefront 'xx'. There are: au, nz\.$"):
        call_command("doctor", storefront="xx")


def test_recent_orders_alone_and_what_is_stuck_at_any_age(waiting):
    old = new_id_at(timezone.now() - timedelta(days=30))
    with connection.cursor() as cursor:
        cursor.execute("update orders_orderitem set order_id = %s", [old])
        cursor.execute(
            "update orders_order set id = %s, refund_pending_amount = 7, reserved_until = now() - interval '1 day'",
            [old],
        )

    assert set(found(since=2)) == {"event_of_no_order", "pending_lasts"}
    assert "pending_not_as_refunds" in found(since=60)


def test_it_works_through_more_orders_than_it_reads_at_once(api, monkeypatch):
    monkeypatch.setattr(examined_orders, "_ORDERS_AT_ONCE", 2)
    for _ in range(5):
        sell(api)
    Order.objects.update(refund_pending_amount=7)

    _, report = examined()

    assert report["orders"] == 5
    assert found() == {"pending_not_as_refunds": 5}


def test_orders_that_change_while_it_examines_them_are_no_alarm(api):
    order = sell(api)
    perform("confirm", order["id"])
    stop = Flag()

    def trade() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            perform("record_payment", order["id"], kind="capture", amount=1, psp_reference=f"c-{number}")
            perform("track", order["id"], tracking_number=f"1Z{number}")
        connection.close()

    thread = Thread(target=trade)
    thread.start()
    try:
        alarms = [found() for _ in range(5)]
    finally:
        stop.set()
        thread.join()

    assert alarms == [{}] * 5
    assert found() == {}
