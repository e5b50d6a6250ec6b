"""What orders have shipped so far is taken off what is on hand and off what is reserved.

Until now shipped units stayed reserved for good, and nothing was sold of what is reserved. So the levels that people set
had to count the units that had left as well: whoever set no more than what stood on the shelf sold too few, and a level
below what was reserved was refused. That is why they come off both numbers: what is free to be sold stays exactly what it
was, and where levels were kept as the ledger asked for, on hand is now what stands on the shelf. Where they were not, a
count of the shelf, set as the level, puts it right as it would have done before.

Units that came back and can be sold again had been taken off what is reserved; they are on hand already.

Orders are taken a few thousand at a time, each piece a transaction of its own that locks as operations do: orders,
reservations, stock. It may run beside services of this release and the one before, be cut off and be run again: whoever
is told of already is left alone. What the release before ships after its piece, and a reservation that is not as its
order, is found and told by `manage.py reconcile_stock --repair`: run it once when only this release is running. So is what
an InventoryService elsewhere, and its own database, has to be told: there is nothing to be found here then.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import migrations, transaction

ORDERS_AT_ONCE = 2000

_PAGE: Final = "select id from orders_order where id > %s order by id limit %s"
# Named one by one: of how many a range of ids has the planner knows nothing, and would rather read whole tables.
_SHIPPED: Final = "id = any (%(ids)s) and reservation_id is not null and fulfillment_status <> 'unfulfilled'"
# By a statement of its own, so that the next one sees what their last changes have left.
_LOCK: Final = f"select count(*) from (select from orders_order where {_SHIPPED} order by id for no key update) locked"
_TAKE_OFF: Final = f"""
with ordered as materialized (
    select id, reservation_id from orders_order where {_SHIPPED}
), gone as materialized (
    select ordered.reservation_id, item.product_id, sum(item.shipped - item.restocked)::integer as units
      from ordered join orders_orderitem item on item.order_id = ordered.id
     group by ordered.reservation_id, item.product_id having sum(item.shipped - item.restocked) > 0
), reservation as materialized (
    select id, product_ids, quantities from inventory_reservation
     where id in (select reservation_id from gone) and state <> 'released' and shipped = '{{}}' order by id for update
), line as materialized (
    select reservation.id, line.place, line.product_id, line.quantity, coalesce(gone.units, 0) as units
      from reservation cross join unnest(product_ids, quantities) with ordinality as line (product_id, quantity, place)
      left join gone on gone.reservation_id = reservation.id and gone.product_id = line.product_id
), sound as materialized (
    select line.id, array_agg(line.units order by line.place) as shipped
      from line join (select reservation_id, sum(units) as units from gone group by reservation_id) in_all
        on in_all.reservation_id = line.id
     group by line.id having bool_and(line.units <= line.quantity) and sum(line.units) = max(in_all.units)
), told as (
    update inventory_reservation reservation set shipped = sound.shipped from sound where reservation.id = sound.id
), counted as materialized (
    select product_id collate "C" as product_id, sum(units) as units
      from line where id in (select id from sound) group by 1 having sum(units) > 0
), locked as materialized (
    select stock.product_id, counted.units from inventory_stock stock join counted using (product_id)
     order by stock.product_id for update of stock
)
-- Units that are reserved and not counted so, which a recount finds, are in nobody's way here.
update inventory_stock stock
   set on_hand = on_hand - locked.units, reserved = greatest(reserved - locked.units, 0), shipped = shipped + locked.units,
       oversold = greatest(oversold, greatest(reserved - locked.units, 0) - (on_hand - locked.units)),
       updated_at = clock_timestamp()
  from locked where stock.product_id = locked.product_id
"""
_PATIENT: Final = "select set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)"


def take_off(apps: Any, schema_editor: Any) -> None:
    """Piece by piece, in the order of the orders' ids."""
    database = schema_editor.connection
    page = [UUID(int=0)]
    while page:
        with transaction.atomic(using=database.alias), database.cursor() as cursor:
            cursor.execute(_PATIENT)
            cursor.execute(_PAGE, [page[-1], ORDERS_AT_ONCE])
            page = [order_id for (order_id,) in cursor.fetchall()]
            cursor.execute(_LOCK, {"ids": page})
            cursor.execute(_TAKE_OFF, {"ids": page})


class Migration(migrations.Migration):
    atomic = False  # a transaction for each piece

    dependencies = [("orders", "0035_what_refunds_pay_out"), ("inventory_client", "0007_on_the_shelf")]

    operations = [migrations.RunPython(take_off, migrations.RunPython.noop)]
