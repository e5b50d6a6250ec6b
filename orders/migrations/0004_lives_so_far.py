"""Orders placed before there were ledgers of parcels and money: what is known of them goes into those."""

from pathlib import Path

from django.db import migrations

_SQL = Path(__file__).parent.parent / "sql"

# Until now an order had one parcel, with all that was shipped.
_PARCELS = """
insert into orders_shipmentitem (shipment_id, item_id, storefront_id, quantity)
select shipment.id, item.id, shipment.storefront_id, item.shipped
  from orders_shipment shipment join orders_orderitem item on item.order_id = shipment.order_id
 where item.shipped > 0 and shipment.shipped_at is not null
   and shipment.id = (select max(id::text)::uuid from orders_shipment latest where latest.order_id = shipment.order_id)
"""
_ORDERS = """
update orders_order set canceled_amount = coalesce(total_amount, 0) where status = 'canceled' and total_amount > 0;
update orders_order set delivered_at = arrival
  from (select order_id, max(delivered_at) as arrival, bool_and(delivered_at is not null) as all_there
          from orders_shipment where shipped_at is not null group by order_id) as parcels
 where parcels.order_id = orders_order.id and all_there and status in ('shipped', 'completed')
"""
# A key that could ship until now still can.
_KEYS = """
update orders_apikey set scopes = scopes || '{shipments:write}'::varchar[]
 where 'orders:write' = any (scopes) and not 'shipments:write' = any (scopes)
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_life_of_an_order")]

    operations = [
        migrations.RunSQL((_SQL / "orders_place.sql").read_text(), migrations.RunSQL.noop),
        migrations.RunSQL(
            (_SQL / "orders_payment_fact.sql").read_text(), "drop function if exists orders_payment_fact() cascade"
        ),
        migrations.RunSQL(_PARCELS, migrations.RunSQL.noop),
        migrations.RunSQL(_ORDERS, migrations.RunSQL.noop),
        migrations.RunSQL(_KEYS, migrations.RunSQL.noop),
    ]
