from django.db import migrations

from inventory_client.migrations import sql_function


class Migration(migrations.Migration):
    dependencies = [("inventory_client", "0001_stock_and_reservations")]

    operations = [
        # A hold or release changes no indexed column of stock: with room left in the page it is a HOT update.
        migrations.RunSQL(
            "alter table inventory_stock set (fillfactor = 50)", "alter table inventory_stock reset (fillfactor)"
        ),
        migrations.RunSQL(
            sql_function("hold"),
            "drop function inventory_hold(uuid[], integer[], integer[], text[], integer[], interval)",
        ),
        migrations.RunSQL(sql_function("release"), "drop function inventory_release(uuid, timestamptz)"),
    ]
