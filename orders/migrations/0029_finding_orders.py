"""Indexes of what the back office looks up, built beside running services."""

from typing import Final

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F, Func, Q
from django.db.models.functions import Lower

_PATIENT: Final = "set statement_timeout = 0; set lock_timeout = 0"
_AS_BEFORE: Final = "reset statement_timeout; reset lock_timeout"
_ADDED: Final = [
    (
        "order",
        models.Index(Lower("contact_email"), name="order_contact_mail", condition=~Q(contact_email=None)),
    ),
    (
        "order",
        GinIndex(
            Func(F("shipping_address"), F("billing_address"), function="orders_address_words"),
            name="order_address_words",
            condition=Q(Q(shipping_address__isnull=False) | Q(billing_address__isnull=False)),
            fastupdate=False,
        ),
    ),
    ("orderitem", models.Index(fields=["product_id", "-order"], name="order_item_product")),
]


class Migration(migrations.Migration):
    atomic = False  # built while others write

    dependencies = [("orders", "0028_words_of_addresses")]

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
