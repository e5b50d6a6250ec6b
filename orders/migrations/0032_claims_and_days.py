"""Who works on an order and who looks at it, what was sold on each day, and when an order was promised."""

from typing import Final

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import orders.rules.ids

_PROMISED_DAY: Final = """
create function orders_promised_day(metadata jsonb) returns text
language sql immutable parallel safe return
    coalesce(substring(metadata ->> 'estimated_delivery_at' from '^[0-9]{4}-[0-9]{2}-[0-9]{2}'), '');
"""


def _belongs_to(model: str, **options: object) -> models.ForeignKey:
    return models.ForeignKey(
        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=model, **options
    )


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0031_time_zones"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(_PROMISED_DAY, "drop function orders_promised_day(jsonb)"),
        migrations.CreateModel(
            name="Claim",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orders.rules.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("queue", models.CharField(blank=True, default="", max_length=40)),
                ("claimed_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("order", _belongs_to("orders.order", db_constraint=False)),
                ("storefront", _belongs_to("orders.storefront")),
                ("user", _belongs_to(settings.AUTH_USER_MODEL)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)), fields=["user", "order"], name="claim_of_user"
                    ),
                    models.Index(fields=["order", "-id"], name="claim_of_order"),
                    models.Index(
                        condition=models.Q(("ended_at", None), _negated=True), fields=["ended_at"], name="claim_ended"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("order",), name="claim_in_force_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Looking",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "order_id", "user_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("seen_at", models.DateTimeField()),
                ("order", _belongs_to("orders.order", db_constraint=False)),
                ("storefront", _belongs_to("orders.storefront")),
                ("user", _belongs_to(settings.AUTH_USER_MODEL)),
            ],
            options={"indexes": [models.Index(fields=["seen_at"], name="looking_seen_at")]},
        ),
        migrations.CreateModel(
            name="SalesDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "storefront_id", "day", "currency", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("placed", models.IntegerField()),
                ("revenue", models.BigIntegerField()),
                ("storefront", _belongs_to("orders.storefront")),
            ],
            options={"db_table": "orders_sales_day"},
        ),
        migrations.CreateModel(
            name="SalesProgress",
            fields=[
                (
                    "storefront",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="orders.storefront",
                    ),
                ),
                ("position", models.BigIntegerField()),
                ("counted_from", models.DateField()),
            ],
            options={"db_table": "orders_sales_progress"},
        ),
    ]
