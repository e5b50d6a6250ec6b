"""Indexes by time that hold what is due, in place of BRIN, which finds everything once the space of old rows is used again.

They are built beside running services of this release and the one before. The release before sweeps by the new ones;
only its `reconcile_stock` and `GET /reservations` read the whole table once the BRIN index is gone.
"""

from typing import Final

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

_PATIENT: Final = "set statement_timeout = 0; set lock_timeout = 0"
_AS_BEFORE: Final = "reset statement_timeout; reset lock_timeout"
_ADDED: Final = {
    "reservation_held_by_touch": ("reservation", ["updated_at"], Q(state="held")),
    "reservation_confirmed_by_age": ("reservation", ["updated_at"], Q(state="confirmed")),
    "asked_hold_by_age": ("askedhold", ["touched_at"], ~Q(state="releasing")),
}
_REMOVED: Final = {"reservation_by_change": "reservation", "asked_hold_by_touch": "askedhold"}


class Migration(migrations.Migration):
    atomic = False  # built while others write

    dependencies = [("inventory_client", "0004_oversold")]

    operations = [
        migrations.RunSQL(_PATIENT, _AS_BEFORE),
        # What a build that was cut off has left behind is not valid.
        *(migrations.RunSQL(f"drop index concurrently if exists {name}", migrations.RunSQL.noop) for name in _ADDED),
        *(
            AddIndexConcurrently(model, models.Index(fields=fields, name=name, condition=condition))
            for name, (model, fields, condition) in _ADDED.items()
        ),
        *(RemoveIndexConcurrently(model, name) for name, model in _REMOVED.items()),
        migrations.RunSQL(_AS_BEFORE, _PATIENT),
    ]
