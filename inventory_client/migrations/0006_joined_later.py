from pathlib import Path

from django.db import migrations

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("inventory_client", "0005_cost_of_what_is_due")]

    operations = [migrations.RunSQL((_SQL / "hold.sql").read_text(), migrations.RunSQL.noop)]
