from pathlib import Path

from django.db import migrations

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("orders", "0022_cost_of_what_is_due")]

    operations = [
        migrations.RunSQL(
            (_SQL / "orders_place_at_once.sql").read_text(), "drop procedure if exists orders_place_at_once"
        ),
    ]
