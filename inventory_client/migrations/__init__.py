"""To change a database function, edit its file in `inventory_client/sql/` and add a migration that runs it.

    operations = [migrations.RunSQL(sql_function("hold"), migrations.RunSQL.noop)]

A change of parameters or result needs `drop function` with the old signature in front.
"""

from pathlib import Path


def sql_function(name: str) -> str:
    """The text of `inventory_client/sql/<name>.sql`."""
    return (Path(__file__).parent.parent / "sql" / f"{name}.sql").read_text()
