"""Bulk runs: what is done with many orders in the background, and what becomes of each."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0033_queues"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkRun",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("actor", models.TextField()),
                ("operation", models.CharField(max_length=40)),
                ("arguments", models.JSONField(default=dict)),
                ("reason", models.TextField(blank=True, default="")),
                ("storefronts", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ("request_id", models.TextField(blank=True, default="")),
                ("trace", models.TextField(blank=True, default="")),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("finished", "Finished"), ("stopped", "Stopped")],
                        default="running",
                        max_length=20,
                    ),
                ),
                ("total", models.PositiveIntegerField()),
                ("done", models.PositiveIntegerField(default=0)),
                ("unchanged", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("worked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("ended_because", models.TextField(blank=True, default="")),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "bulk run",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="BulkRunOrder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField()),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[("done", "Done"), ("unchanged", "Like this already"), ("refused", "Refused")],
                        max_length=20,
                        null=True,
                    ),
                ),
                ("words", models.TextField(blank=True, db_default="", default="")),
                ("attempts", models.PositiveSmallIntegerField(db_default=0, default=0)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                (
                    "order",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orders.order",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="orders",
                        to="orders.bulkrun",
                    ),
                ),
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
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="bulkrun",
            index=models.Index(condition=models.Q(("state", "running")), fields=["worked_at"], name="bulk_run_running"),
        ),
        migrations.AddIndex(
            model_name="bulkrun",
            index=models.Index(
                condition=models.Q(("ended_at", None), _negated=True), fields=["ended_at"], name="bulk_run_ended"
            ),
        ),
        migrations.AddConstraint(
            model_name="bulkrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("state", "running")),
                    models.Q(("ended_at__isnull", False), ("state__in", ["finished", "stopped"])),
                    _connector="OR",
                ),
                name="bulk_run_runs_or_ended",
            ),
        ),
        migrations.AddIndex(
            model_name="bulkrunorder",
            index=models.Index(condition=models.Q(("outcome", None)), fields=["run", "order"], name="bulk_run_left"),
        ),
        migrations.AddIndex(
            model_name="bulkrunorder",
            index=models.Index(fields=["run", "outcome", "order"], name="bulk_run_outcomes"),
        ),
        migrations.AddIndex(
            model_name="bulkrunorder",
            index=models.Index(
                condition=models.Q(("words", ""), _negated=True), fields=["order"], name="bulk_run_refused_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="bulkrunorder",
            constraint=models.UniqueConstraint(fields=("run", "order"), name="bulk_run_order_once"),
        ),
    ]
