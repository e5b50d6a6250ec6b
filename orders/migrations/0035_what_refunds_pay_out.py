"""A refund tells which credit it pays out, and what of it is for the shipping. Both stand in no row yet."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0034_bulk_runs")]

    operations = [
        migrations.AddField(
            model_name="refund",
            name="credit",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="orders.credit",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="shipping_amount",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
    ]
