"""The service's promises as queries over all its tables; each counts what breaks one."""

from __future__ import annotations

from typing import Final

from django.db import connection

from tests.chaos.schemas_kept import broken_schemas

_LIVE_HOLD: Final = "reservation.state in ('held', 'confirmed')"
# Orders that are to hold their units: neither canceled nor deleted while pending.
_NEEDS_STOCK: Final = "(o.status <> 'canceled' and not (o.status = 'pending' and o.deleted_at is not null))"

# Stock: on the shelf, in reservations, in orders.
_STOCK: Final = {
    "products oversold": "select from inventory_stock where reserved > on_hand or reserved < 0",
    "products whose reserved and shipped units are not those of their holds": f"""
        select from inventory_stock stock
         where (reserved, shipped) <> (
            select coalesce(sum(line.quantity - coalesce(line.gone, 0)), 0), coalesce(sum(line.gone), 0)
              from inventory_reservation reservation,
                   unnest(reservation.product_ids, reservation.quantities, reservation.shipped)
                   line (product_id, quantity, gone)
             where {_LIVE_HOLD} and line.product_id = stock.product_id)""",
    "orders of which the inventory has still to be told": "select from orders_order where stock_action is not null",
    "orders whose hold is not their units that are neither canceled nor back on the shelf": f"""
        select from orders_order o
         where (select coalesce(json_object_agg(product_id, units order by product_id collate "C")::text, '')
                  from (select product_id, sum(quantity - canceled - restocked) as units from orders_orderitem item
                         where item.order_id = o.id and {_NEEDS_STOCK}
                         group by product_id having sum(quantity - canceled - restocked) > 0) wanted)
            <> (select coalesce(json_object_agg(product_id, quantity order by product_id collate "C")::text, '')
                  from inventory_reservation reservation,
                       unnest(reservation.product_ids, reservation.quantities) held (product_id, quantity)
                 where reservation.id = o.reservation_id and {_LIVE_HOLD})""",
    "orders whose hold does not say which of their units have left the shelf": f"""
        select from orders_order o join inventory_reservation reservation on reservation.id = o.reservation_id
         where {_LIVE_HOLD}
           and (select coalesce(json_object_agg(product_id, units order by product_id collate "C")::text, '')
                  from (select product_id, sum(shipped - restocked) as units from orders_orderitem item
                         where item.order_id = o.id
                         group by product_id having sum(shipped - restocked) > 0) gone)
            <> (select coalesce(json_object_agg(product_id, units order by product_id collate "C")::text, '')
                  from unnest(reservation.product_ids, reservation.shipped) told (product_id, units)
                 where units > 0)""",
    "holds that are confirmed for a pending order, or not for another": f"""
        select from inventory_reservation reservation join orders_order o on o.reservation_id = reservation.id
         where {_LIVE_HOLD} and (reservation.state = 'held') <> (o.status = 'pending')""",
    "holds without an order": f"""
        select from inventory_reservation reservation
         where {_LIVE_HOLD} and not exists (select from orders_order o where o.reservation_id = reservation.id)""",
}

# The life of an order: its items, parcels, returns, and what follows from them.
_UNITS: Final = {
    "orders without items": """
        select from orders_order o where not exists (select from orders_orderitem item where item.order_id = o.id)""",
    "items of no order": """
        select from orders_orderitem item where not exists (select from orders_order o where o.id = item.order_id)""",
    "items whose shipped units are not those of their parcels": """
        select from orders_orderitem item
         where shipped <> coalesce((
            select sum(quantity)
              from orders_shipmentitem units join orders_shipment parcel on parcel.id = shipment_id
             where units.item_id = item.id and parcel.shipped_at is not null), 0)""",
    "parcels that left with nothing in them": """
        select from orders_shipment shipment
         where shipped_at is not null
           and not exists (select from orders_shipmentitem units where units.shipment_id = shipment.id)""",
    "parcels that arrived before they left": """
        select from orders_shipment where delivered_at is not null and shipped_at is null""",
    "items whose returned and restocked units are not those of their returns": """
        select from orders_orderitem item
         where (returned, restocked) <> (
            select coalesce(sum(received), 0), coalesce(sum(received) filter (where units.restocked), 0)
              from orders_returnitem units join orders_return back on back.id = return_id
             where units.item_id = item.id and back.state = 'received')""",
    "items of which more is on its way back than was shipped": """
        select from orders_orderitem item
         where shipped < returned + coalesce((
            select sum(units.quantity) from orders_returnitem units join orders_return back on back.id = return_id
             where units.item_id = item.id and back.state in ('requested', 'approved')), 0)""",
    "units that came back of returns which nobody received": """
        select from orders_returnitem units join orders_return back on back.id = return_id
         where (received > 0 or units.restocked) and back.state <> 'received'""",
    "parcels and returns with items of another order": """
        select from orders_orderitem item
          join (select item_id, order_id from orders_shipmentitem join orders_shipment parcel on parcel.id = shipment_id
                union all
                select item_id, order_id from orders_returnitem join orders_return back on back.id = return_id) part
            on part.item_id = item.id
         where part.order_id <> item.order_id""",
    "orders whose status is not that of their units": """
        select from orders_order o,
               lateral (select sum(shipped) as shipped, sum(quantity - canceled - shipped) as open
                          from orders_orderitem item where item.order_id = o.id) units
         where not case o.status when 'pending' then shipped = 0 and open > 0
                                 when 'confirmed' then open > 0
                                 when 'canceled' then shipped = 0 and open = 0
                                 else shipped > 0 and open = 0 end
            or fulfillment_status <> case when shipped = 0 then 'unfulfilled'
                                          when open > 0 then 'partial' else 'fulfilled' end""",
}

# Money: what the payment provider did, what was asked of it, and what orders say of both.
_MONEY: Final = {
    "orders whose money is not that of their payments": """
        select from orders_order o,
               lateral (select count(*) as payments,
                               coalesce(sum(amount) filter (where kind = 'authorization'), 0) as authorized,
                               coalesce(sum(amount) filter (where kind = 'void'), 0) as voided,
                               coalesce(sum(amount) filter (where kind = 'capture'), 0) as captured,
                               coalesce(sum(amount) filter (where kind = 'refund'), 0) as paid_out,
                               coalesce(sum(amount) filter (where kind = 'refund_failed'), 0) as failed,
                               coalesce(sum(amount) filter (where kind = 'chargeback'), 0)
                               - coalesce(sum(amount) filter (where kind = 'chargeback_won'), 0) as charged_back
                          from orders_paymentrecord payment
                         where payment.order_id = o.id and kind <> 'correction' and not exists (
                            select from orders_paymentrecord other where other.corrects_id = payment.id)) facts
         where (captured_amount, charged_back_amount) <> (captured, greatest(0, charged_back))
            -- What failed and was never paid out puts nothing back; which failed is of which, the rules know.
            or refunded_amount not between greatest(0, paid_out - failed) and paid_out
            or authorized_amount not between greatest(0, authorized - voided) and authorized
            or payment_count <> (select count(*) from orders_paymentrecord payment where payment.order_id = o.id)""",
    "orders whose pending refunds are not their refunds": """
        select from orders_order o
         where refund_pending_amount <> coalesce((
            select sum(greatest(0, amount - settled_amount)) from orders_refund refund
             where refund.order_id = o.id and refund.state in ('requested', 'approved')), 0)""",
    "refunds that are settled without their payments, or the other way round": """
        select from orders_refund refund
         where (state = 'settled') <> (settled_amount >= amount and state not in ('requested', 'rejected'))""",
    "refunds that nobody has decided, and that are not requested": """
        select from orders_refund where (decided_by is null or decided_at is null) <> (state = 'requested')""",
    "orders whose credits are not those they count": """
        select from orders_order o,
               lateral (select count(*) as credits, coalesce(sum(amount), 0) as credited,
                               coalesce(sum(amount) filter (
                                   where cause in ('canceled', 'amended', 'reinstated')), 0) as canceled
                          from orders_credit credit where credit.order_id = o.id) counted
         where (credit_count, credited_amount, canceled_amount) <> (credits, credited, canceled)
            or credited_amount > coalesce(total_amount, 0)""",
    "orders whose items do not add up": """
        select from orders_order o
         where items_amount <> (
            select sum(coalesce(amount, quantity * unit_amount))
              from orders_orderitem item where item.order_id = o.id)""",
}

# What others are told.
_EVENTS: Final = {
    "orders whose version is not the number of their events": """
        select from orders_order o
         where version <> (select count(*) from events_event event where event.stream_id = o.id)
            or version <> (select max(sequence) from events_event event where event.stream_id = o.id)""",
    "orders that are not as their last event tells": """
        select from orders_order o join events_event event on stream_id = o.id and sequence = o.version
         where (status, payment_status, fulfillment_status, total_amount, captured_amount, refunded_amount)
            is distinct from (
                data -> 'order' ->> 'status', data -> 'order' ->> 'payment_status',
                data -> 'order' ->> 'fulfillment_status', (data -> 'order' ->> 'total_amount')::bigint,
                (data -> 'order' ->> 'captured_amount')::bigint, (data -> 'order' ->> 'refunded_amount')::bigint)""",
    "events of no order": """
        select from events_event event
         where not exists (select from orders_order o where o.id = event.stream_id)
           and (type, sequence) <> ('order.rejected', 1)""",
    "orders that were asked for and wait, although they are placed or rejected": """
        select from orders_requestedorder request
         where state = 'requested' and exists (select from events_event event where event.stream_id = request.id)""",
    "events that are not queued": """
        select from events_event event
          left join (select event_id, count(*) as entries from events_outbox group by event_id) queued
            on queued.event_id = event.id
         where entries is distinct from 1""",
    "queued entries without an event": """
        select from events_outbox entry
         where not exists (select from events_event event where event.id = entry.event_id)""",
    "stored answers that name no order": """
        select from orders_idempotentanswer answer,
               lateral (select convert_from(answer.body, 'UTF8')::json as told) body,
               lateral (select coalesce(told ->> 'id', told -> 'data' ->> 'orderId')::uuid as order_id) named
         where order_id is not null and not exists (select from orders_order o where o.id = order_id)
           and not exists (select from orders_requestedorder request where request.id = order_id)
           and not exists (select from events_event event where stream_id = order_id and type = 'order.rejected')""",
}

_PROMISES: Final = {**_STOCK, **_UNITS, **_MONEY, **_EVENTS}
# As one statement: it is planned once, and this is asked often.
_ALL: Final = " union all ".join(
    f"select '{promise}', count(*) from ({rows}) broken" for promise, rows in _PROMISES.items()
)


def broken_promises() -> dict[str, int]:
    """What is broken, and how often; empty when all is well. Assumes that no relay runs and the sweeper has."""
    with connection.cursor() as cursor:
        cursor.execute(_ALL)
        broken = {promise: count for promise, count in cursor.fetchall() if count}
    return broken | {f"events as documented: {wrong}": 1 for wrong in broken_schemas()}
