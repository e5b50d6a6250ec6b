"""Orders that were asked for and are not placed yet."""

import datetime

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


_PARKED = datetime.datetime(9999, 1, 1, tzinfo=datetime.UTC)
# Rows live for seconds, so dead rows are what fills this table: vacuum early and at full speed.
_QUEUE_STORAGE = """
alter table orders_requestedorder set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0019_customer_policy"),
    ]

    operations = [
        migrations.CreateModel(
            name="RequestedOrder",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("requested", "Waits to be placed"), ("rejected", "Rejected")],
                        default="requested",
                        max_length=20,
                    ),
                ),
                ("customer_id", models.CharField(blank=True, default="", max_length=200)),
                ("external_reference", models.CharField(blank=True, max_length=100, null=True)),
                ("order", models.BinaryField(blank=True, null=True)),
                ("actor", models.TextField()),
                ("reason", models.TextField(blank=True, db_default="", default="")),
                ("request_id", models.TextField(blank=True, db_default="", default="")),
                ("trace", models.TextField(blank=True, db_default="", default="")),
                ("requested_at", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(db_default=0, default=0)),
                ("next_attempt_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("last_error", models.TextField(blank=True, db_default="", default="")),
                ("rejected_at", models.DateTimeField(blank=True, null=True)),
                ("rejection", models.JSONField(blank=True, null=True)),
                (
                    "storefront",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orders.storefront",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "requested")),
                        fields=["storefront", "next_attempt_at", "id"],
                        name="requested_due",
                    ),
                    models.Index(
                        condition=models.Q(("next_attempt_at__lt", _PARKED), ("state", "requested")),
                        fields=["id"],
                        name="requested_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("next_attempt_at__gte", _PARKED), ("state", "requested")),
                        fields=["id"],
                        name="requested_parked",
                    ),
                    models.Index(fields=["storefront", "-id"], name="requested_of_storefront"),
                    models.Index(fields=["storefront", "customer_id"], name="requested_of_customer"),
                    models.Index(
                        condition=models.Q(("state", "rejected")), fields=["rejected_at"], name="requested_rejected_at"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("order__isnull", False),
                                ("rejected_at", None),
                                ("rejection__isnull", True),
                                ("state", "requested"),
                            ),
                            models.Q(
                                ("order", None),
                                ("rejected_at__isnull", False),
                                ("rejection__isnull", False),
                                ("state", "rejected"),
                            ),
                            _connector="OR",
                        ),
                        name="requested_order_waits_or_is_rejected",
                    )
                ],
            },
        ),
        migrations.RunSQL(_QUEUE_STORAGE, migrations.RunSQL.noop),
    ]
