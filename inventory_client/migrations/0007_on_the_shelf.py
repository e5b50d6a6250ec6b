"""What stands on the shelf: shipping takes units off both what is on hand and what is reserved.

A reservation's lines keep how many units have been shipped, and a product's row how many in all: both 0 until orders say
otherwise. What the orders of the time before have shipped is taken off by `orders.0036`, which knows them, where the
ledger is that of the orders' own database; `manage.py reconcile_stock --repair` tells it to an InventoryService elsewhere.
"""

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import Q

from inventory_client.migrations import sql_function

_HOLD_BEFORE = "drop function if exists inventory_hold(uuid[], integer[], integer[], text[], integer[], interval)"
_HOLD = "drop function if exists inventory_hold(uuid[], integer[], integer[], text[], integer[], interval, integer[])"


class Migration(migrations.Migration):
    dependencies = [("inventory_client", "0006_joined_later")]

    operations = [
        # As those who hold stock lock them; the other way round this and they would wait for each other.
        migrations.RunSQL(
            "lock table inventory_reservation, inventory_stock in access exclusive mode", migrations.RunSQL.noop
        ),
        migrations.AddField("stock", "shipped", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddField("stock", "version", models.BigIntegerField(default=1, db_default=1)),
        migrations.AddConstraint(
            "stock", models.CheckConstraint(condition=Q(shipped__gte=0), name="stock_shipped_not_negative")
        ),
        migrations.AddField(
            "reservation",
            "shipped",
            django.contrib.postgres.fields.ArrayField(models.IntegerField(), default=list, db_default=[]),
        ),
        # The release before calls it with the six parameters it knows.
        migrations.RunSQL(_HOLD_BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL(sql_function("hold"), _HOLD),
        migrations.RunSQL(sql_function("release"), migrations.RunSQL.noop),
    ]
