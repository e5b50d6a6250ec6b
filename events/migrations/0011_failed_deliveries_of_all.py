"""An index that holds what was given up of all endpoints. It is built beside running services."""

from typing import Final

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

_PATIENT: Final = "set statement_timeout = 0; set lock_timeout = 0"
_AS_BEFORE: Final = "reset statement_timeout; reset lock_timeout"


class Migration(migrations.Migration):
    atomic = False  # built while others write

    dependencies = [("events", "0010_queue_planned_once")]

    operations = [
        migrations.RunSQL(_PATIENT, _AS_BEFORE),
        # What a build that was cut off has left behind is not valid.
        migrations.RunSQL("drop index concurrently if exists webhook_failed_of_all", migrations.RunSQL.noop),
        AddIndexConcurrently(
            "webhookdelivery",
            models.Index(fields=["id"], name="webhook_failed_of_all", condition=models.Q(state="failed")),
        ),
        migrations.RunSQL(_AS_BEFORE, _PATIENT),
    ]
