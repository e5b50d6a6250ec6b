"""Which rule of the database a write has met."""

from django.db import DatabaseError


def broken_constraint(error: DatabaseError) -> str | None:
    """Name of the constraint that refused the rows."""
    diag = getattr(error.__cause__, "diag", None)
    return diag and diag.constraint_name
