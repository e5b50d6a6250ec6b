"""The service's promises as queries over all its tables; each counts what breaks one."""

from __future__ import annotations

from typing import Final

from django.db import connection

_LIVE_HOLD: Final = "(reservation.state in ('held', 'confirmed'))"
# Orders whose stock must be held: neither canceled nor deleted while pending.
_NEEDS_STOCK: Final = "(o.status <> 'canceled' and not (o.status = 'pending' and o.deleted_at is not null))"

_PROMISES: Final = {
    "products oversold": "select count(*) from inventory_stock where reserved > on_hand or reserved < 0",
    "products whose reserved units are not those of their holds": f"""
        select count(*) from inventory_stock stock
         where reserved <> coalesce((
            select sum(line.quantity) from inventory_reservation reservation,
                   unnest(reservation.product_ids, reservation.quantities) line (product_id, quantity)
             where {_LIVE_HOLD} and line.product_id = stock.product_id), 0)""",
    "orders without their stock": f"""
        select count(*) from orders_order o
         where {_NEEDS_STOCK} and not exists (
            select from inventory_reservation reservation
             where reservation.id = o.reservation_id and {_LIVE_HOLD}
               and (select array_agg((product_id, units)::text order by product_id collate "C")
                      from (select product_id, sum(quantity) as units from orders_orderitem item
                             where item.order_id = o.id group by product_id) wanted)
                 = (select array_agg((product_id, quantity)::text order by product_id collate "C")
                      from unnest(reservation.product_ids, reservation.quantities) held (product_id, quantity)))""",
    "holds without an order": f"""
        select count(*) from inventory_reservation reservation
         where {_LIVE_HOLD} and not exists (
            select from orders_order o where o.reservation_id = reservation.id and {_NEEDS_STOCK})""",
    "orders whose version is not the number of their events": """
        select count(*) from orders_order o
         where version <> (select count(*) from events_event event where event.stream_id = o.id)
            or version <> (select max(sequence) from events_event event where event.stream_id = o.id)""",
    "events of no order": """
        select count(*) from events_event event
         where not exists (select from orders_order o where o.id = event.stream_id)""",
    "events that are not queued": """
        select count(*) from events_event event
         where (select count(*) from events_outbox entry where entry.event_id = event.id) <> 1""",
    "queued entries without an event": """
        select count(*) from events_outbox entry
         where not exists (select from events_event event where event.id = entry.event_id)""",
    "orders without items": """
        select count(*) from orders_order o
         where not exists (select from orders_orderitem item where item.order_id = o.id)""",
    "items of no order": """
        select count(*) from orders_orderitem item
         where not exists (select from orders_order o where o.id = item.order_id)""",
    "stored answers that name no order": """
        select count(*) from orders_idempotentanswer answer
         where status = 201 and not exists (
            select from orders_order o
             where o.id = coalesce(convert_from(answer.body, 'UTF8')::json ->> 'id',
                               convert_from(answer.body, 'UTF8')::json -> 'data' ->> 'orderId')::uuid)""",
}


def broken_promises() -> dict[str, int]:
    """What is broken, and how often; empty when all is well. Assumes that no relay runs and the sweeper has."""
    found = {}
    with connection.cursor() as cursor:
        for promise, query in _PROMISES.items():
            cursor.execute(query)
            (count,) = cursor.fetchone()
            if count:
                found[promise] = count
    return found
