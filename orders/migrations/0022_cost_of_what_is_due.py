"""Indexes that hold what is due or waits for a person, in place of BRIN, which finds everything once the space of old rows
is used again.

They are built beside running services of this release and the one before, which forgets answers by the new one too.
"""

from typing import Final

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Coalesce

_PATIENT: Final = "set statement_timeout = 0; set lock_timeout = 0"
_AS_BEFORE: Final = "reset statement_timeout; reset lock_timeout"
_ADDED: Final = {
    "order": models.Index(
        "storefront",
        Coalesce("ended_at", "placed_at"),
        name="order_to_erase",
        condition=Q(Q(status__in=["completed", "canceled"]) | Q(deleted_at__isnull=False), ~Q(customer_id="erased")),
    ),
    "idempotentanswer": models.Index(fields=["created_at"], name="idempotent_answer_by_age"),
    "failedsignins": models.Index(fields=["counted_at"], name="failed_sign_ins_by_age"),
    "refund": models.Index(fields=["id"], name="refund_open", condition=Q(state__in=["requested", "approved"])),
    "return": models.Index(fields=["id"], name="return_on_its_way", condition=Q(state="approved")),
    "paymentrecord": models.Index(fields=["id"], name="payment_late", condition=Q(late=True)),
}


class Migration(migrations.Migration):
    atomic = False  # built while others write

    dependencies = [("orders", "0021_erasing_by_age")]

    operations = [
        migrations.RunSQL(_PATIENT, _AS_BEFORE),
        # What a build that was cut off has left behind is not valid.
        *(
            migrations.RunSQL(f"drop index concurrently if exists {index.name}", migrations.RunSQL.noop)
            for index in _ADDED.values()
        ),
        *(AddIndexConcurrently(model, index) for model, index in _ADDED.items()),
        RemoveIndexConcurrently("idempotentanswer", "idempotent_answer_age"),
        migrations.RunSQL(_AS_BEFORE, _PATIENT),
    ]
