"""Indexes that hold what was given back without anybody's approval: hardly any. Built beside running services."""

from typing import Final

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

_PATIENT: Final = "set statement_timeout = 0; set lock_timeout = 0"
_AS_BEFORE: Final = "reset statement_timeout; reset lock_timeout"
_ADDED: Final = {
    "refund": models.Index(
        fields=["id"],
        name="refund_paid_unapproved",
        condition=Q(state__in=["rejected", "requested"], settled_amount__gt=0),
    ),
    "paymentrecord": models.Index(
        fields=["storefront", "recorded_at"],
        name="payment_refund_unasked",
        condition=Q(kind="refund", refund=None),
    ),
}


class Migration(migrations.Migration):
    atomic = False  # built while others write

    dependencies = [("orders", "0025_second_factor")]

    operations = [
        migrations.RunSQL(_PATIENT, _AS_BEFORE),
        # What a build that was cut off has left behind is not valid.
        *(
            migrations.RunSQL(f"drop index concurrently if exists {index.name}", migrations.RunSQL.noop)
            for index in _ADDED.values()
        ),
        *(AddIndexConcurrently(model, index) for model, index in _ADDED.items()),
        migrations.RunSQL(_AS_BEFORE, _PATIENT),
    ]
