"""Writing columns of many rows at once: one array a column, where Django's bulk_update writes a CASE of every row."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import connection
from django.db.models import Model


def write_changed(rows: Collection[Model], columns: Sequence[str]) -> None:
    """Write these columns of rows that are there already. All rows are of one model."""
    if not rows:
        return
    model = type(next(iter(rows)))
    fields = [model._meta.pk, *(field for field in model._meta.concrete_fields if field.name in columns)]
    quote = connection.ops.quote_name
    names = [quote(str(field.column)) for field in fields]
    arrays = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
    settings = ", ".join(f"{name} = changed.{name}" for name in names[1:])
    key = names[0]
    with connection.cursor() as cursor:
        cursor.execute(
            f"update {quote(model._meta.db_table)} as kept set {settings} "  # noqa: S608 - names of our models
            f"from unnest({arrays}) as changed ({', '.join(names)}) where kept.{key} = changed.{key}",
            [[field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows] for field in fields],
        )
