"""An index that holds which rejected requests still name their customer. It is built beside running services."""

from typing import Final

import django.core.validators
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

_PATIENT: Final = "set statement_timeout = 0; set lock_timeout = 0"
_AS_BEFORE: Final = "reset statement_timeout; reset lock_timeout"


class Migration(migrations.Migration):
    atomic = False  # built while others write

    dependencies = [("orders", "0023_placing_together")]

    operations = [
        migrations.AlterField(
            model_name="storefront",
            name="erase_after_days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="Days after an order was completed, canceled or deleted when its customer is erased from it; "
                "also days after it was rejected, or asked for and parked. Empty: never. It cannot be undone.",
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.RunSQL(_PATIENT, _AS_BEFORE),
        # What a build that was cut off has left behind is not valid.
        migrations.RunSQL("drop index concurrently if exists requested_to_erase", migrations.RunSQL.noop),
        AddIndexConcurrently(
            "requestedorder",
            models.Index(
                fields=["storefront", "rejected_at"],
                name="requested_to_erase",
                condition=Q(("state", "rejected"), ~Q(customer_id="erased")),
            ),
        ),
        migrations.RunSQL(_AS_BEFORE, _PATIENT),
    ]
