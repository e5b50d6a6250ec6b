"""Indexes of what waits for somebody, built beside running services."""

from typing import Final

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F, Func, Q
from django.db.models.lookups import IsNull

_PATIENT: Final = "set statement_timeout = 0; set lock_timeout = 0"
_AS_BEFORE: Final = "reset statement_timeout; reset lock_timeout"
_PROMISED_DAY: Final = Func(F("metadata"), function="orders_promised_day", output_field=models.TextField())
_ADDED: Final = [
    (
        "order",
        models.Index(
            F("storefront"),
            _PROMISED_DAY,
            F("placed_at"),
            name="order_to_ship",
            condition=Q(IsNull(_PROMISED_DAY, False), status="confirmed", deleted_at=None),
        ),
    ),
    (
        "refund",
        models.Index(
            fields=["storefront", "state", "id"],
            name="refund_waits",
            condition=Q(state__in=["requested", "approved"]),
        ),
    ),
    (
        "return",
        models.Index(
            fields=["storefront", "state", "id"],
            name="return_waits",
            condition=Q(state__in=["requested", "approved"]),
        ),
    ),
]


class Migration(migrations.Migration):
    atomic = False  # built while others write

    dependencies = [("orders", "0032_claims_and_days")]

    operations = [
        migrations.RunSQL(_PATIENT, _AS_BEFORE),
        # What a build that was cut off has left behind is not valid.
        *(
            migrations.RunSQL(f"drop index concurrently if exists {index.name}", migrations.RunSQL.noop)
            for _, index in _ADDED
        ),
        *(AddIndexConcurrently(model, index) for model, index in _ADDED),
        migrations.RunSQL(_AS_BEFORE, _PATIENT),
    ]
