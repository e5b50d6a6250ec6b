"""Installs `events_append`. To change the function, edit its file and add a migration that runs the file again."""

from pathlib import Path

from django.db import migrations

EVENTS_APPEND = (Path(__file__).parent.parent / "sql" / "events_append.sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("events", "0002_append_only_and_queue_storage")]

    operations = [migrations.RunSQL(EVENTS_APPEND, "drop function events_append(json, text[])")]
