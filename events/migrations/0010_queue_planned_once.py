from pathlib import Path

from django.db import migrations

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0009_inbox'),
    ]

    operations = [
        migrations.RunSQL((_SQL / "events_append.sql").read_text(), migrations.RunSQL.noop),
    ]
