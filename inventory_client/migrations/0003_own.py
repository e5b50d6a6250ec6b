from django.db import migrations

from inventory_client.migrations import sql_function


class Migration(migrations.Migration):
    dependencies = [("inventory_client", "0002_ledger_functions")]

    operations = [migrations.RunSQL(sql_function("own"), "drop function inventory_own(uuid[])")]
