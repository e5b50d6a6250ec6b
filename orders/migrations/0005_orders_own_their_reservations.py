from pathlib import Path

from django.db import migrations

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0004_lives_so_far"),
        ("inventory_client", "0003_own"),  # orders_place calls it
    ]

    operations = [migrations.RunSQL((_SQL / "orders_place.sql").read_text(), migrations.RunSQL.noop)]
