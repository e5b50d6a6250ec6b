from django.db import migrations, models
from django.db.models import F, Q

from inventory_client.migrations import sql_function


class Migration(migrations.Migration):
    dependencies = [("inventory_client", "0003_own")]

    operations = [
        migrations.RemoveConstraint("stock", "stock_reserved_within_on_hand"),
        migrations.AddField("stock", "oversold", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddConstraint(
            "stock",
            models.CheckConstraint(
                condition=Q(reserved__gte=0) & Q(oversold__gte=0) & Q(reserved__lte=F("on_hand") + F("oversold")),
                name="stock_reserved_within_on_hand",
            ),
        ),
        migrations.RunSQL(sql_function("hold"), migrations.RunSQL.noop),
    ]
