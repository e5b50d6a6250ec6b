"""A telephone number also in E.164, for orders so far too; the number as it was typed may be any text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import django.contrib.postgres.indexes
from django.db import connection, migrations, models
from django.db.models.functions import Reverse

from orders.rules.phones import e164, phone_country

_SQL: Final = Path(__file__).parent.parent / "sql"
_BATCH: Final = 1000
_UPDATE: Final = """
update orders_order set contact_phone_e164 = known.number
  from unnest(%s::uuid[], %s::text[]) as known (id, number) where known.id = orders_order.id
"""


def _read_phones(apps: Any, schema_editor: Any) -> None:
    orders = apps.get_model("orders", "Order").objects.exclude(contact_phone=None)
    rows = orders.values_list("pk", "contact_phone", "shipping_address", "billing_address").iterator(_BATCH)
    known = _known(rows)
    while batch := list(islice(known, _BATCH)):
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, [[order_id for order_id, _ in batch], [number for _, number in batch]])


def _known(rows: Iterator[Any]) -> Iterator[tuple[Any, str]]:
    for order_id, phone, *addresses in rows:
        if number := e164(phone, country=phone_country(*addresses)):
            yield order_id, number


class Migration(migrations.Migration):
    dependencies = [("orders", "0014_closed_returns")]

    operations = [
        migrations.AlterField("order", "contact_phone", models.CharField(blank=True, max_length=300, null=True)),
        migrations.AddField("order", "contact_phone_e164", models.CharField(blank=True, max_length=16, null=True)),
        migrations.RunSQL((_SQL / "orders_place.sql").read_text(), migrations.RunSQL.noop),
        migrations.RunPython(_read_phones, migrations.RunPython.noop),
        migrations.AddIndex(
            "order",
            models.Index(
                django.contrib.postgres.indexes.OpClass(Reverse("contact_phone_e164"), name="text_pattern_ops"),
                name="order_contact_phone",
                condition=models.Q(("contact_phone_e164", None), _negated=True),
            ),
        ),
    ]
