from pathlib import Path

from django.db import migrations

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0001_initial"),
        ("events", "0003_events_append"),  # orders_place calls it
        ("inventory_client", "0002_ledger_functions"),  # orders_hold_and_place calls it
    ]

    operations = [
        migrations.RunSQL(
            (_SQL / "orders_instant.sql").read_text(),
            "drop function if exists orders_instant(timestamptz)",
        ),
        migrations.RunSQL(
            (_SQL / "orders_place.sql").read_text(),
            "drop function if exists orders_place(json, json, json, text[], json, timestamptz)",
        ),
        migrations.RunSQL(
            (_SQL / "orders_hold_and_place.sql").read_text(), "drop procedure if exists orders_hold_and_place"
        ),
    ]
