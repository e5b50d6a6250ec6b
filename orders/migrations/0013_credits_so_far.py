"""Orders so far get the credits that their canceled and returned units amount to; what they owe for the first stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from django.db import migrations

from orders.rules.credits import Sold, SoldLine, credit_of_units
from orders.rules.ids import new_id

_SQL: Final = Path(__file__).parent.parent / "sql"

_CANCELED: Final = """
update orders_order set canceled_amount = total_amount where canceled_amount > total_amount;
update orders_order set canceled_amount = 0 where total_amount is null and canceled_amount > 0;
insert into orders_credit (id, order_id, storefront_id, cause, amount, lines, shipping_amount, created_at)
select gen_random_uuid(), o.id, o.storefront_id, 'canceled', o.canceled_amount,
       case when o.status = 'canceled' then '[]' else coalesce((
           select jsonb_agg(jsonb_build_object(
                    'item_id', item.id, 'quantity', item.canceled, 'amount', item.canceled * item.unit_amount))
             from orders_orderitem item
            where item.order_id = o.id and item.canceled > 0 and item.unit_amount is not null
       ), '[]') end,
       0, o.updated_at
  from orders_order o where o.canceled_amount > 0;
update orders_order set credited_amount = canceled_amount, credit_count = 1 where canceled_amount > 0;
update orders_refund refund set settled_amount = paid.amount
  from (select refund_id, sum(amount) as amount from orders_paymentrecord where kind = 'refund' group by refund_id) paid
 where paid.refund_id = refund.id
"""


def _credit_returns(apps: Any, schema_editor: Any) -> None:
    """Units that came back, return by return."""
    order_model, credit_model = apps.get_model("orders", "Order"), apps.get_model("orders", "Credit")
    returns = apps.get_model("orders", "Return").objects.filter(state="received", order__total_amount__isnull=False)
    orders = order_model.objects.filter(pk__in=returns.values("order_id")).prefetch_related("items")
    for order in orders.iterator(chunk_size=500):
        lines = [SoldLine(x.pk, x.quantity, x.quantity * (x.unit_amount or 0)) for x in order.items.all()]
        sold = Sold(lines, order.total_amount, order.discount_amount, order.tax_amount)
        before = {item.pk: item.canceled for item in order.items.all()}
        for back in returns.filter(order=order).order_by("received_at", "id").prefetch_related("items"):
            units = {line.item_id: line.received for line in back.items.all() if line.received}
            room = max(0, order.total_amount - order.credited_amount)
            credited = credit_of_units(sold, units, before=before, credited={}, room=room)
            before = {item_id: count + units.get(item_id, 0) for item_id, count in before.items()}
            if credited.amount == 0:
                continue
            credit_model.objects.create(
                id=new_id(),
                order=order,
                storefront_id=order.storefront_id,
                cause="returned",
                amount=credited.amount,
                lines=[{**line._asdict(), "item_id": str(line.item_id)} for line in credited.lines],
                part_of=back,
                created_at=back.received_at or order.updated_at,
            )
            order.credited_amount += credited.amount
            order.credit_count += 1
        order.save(update_fields=["credited_amount", "credit_count"])


class Migration(migrations.Migration):
    dependencies = [("orders", "0012_credits")]

    operations = [
        migrations.RunSQL((_SQL / "orders_place.sql").read_text(), migrations.RunSQL.noop),
        migrations.RunSQL(_CANCELED, migrations.RunSQL.noop),
        migrations.RunPython(_credit_returns, migrations.RunPython.noop),
    ]
