"""No migration takes away, or newly asks for, what the release before still uses: that goes a release later."""

from __future__ import annotations

from typing import Any, Final

import pytest
from django.db import connection
from django.db.migrations import AddField, Migration, RemoveField
from django.db.migrations.loader import MigrationLoader
from django.db.models import TextField
from django_migration_linter import MigrationLinter
from django_migration_linter.sql_analyser.analyser import analyse_sql_statements, get_sql_analyser_class

# Written before there was a release that another one had to follow without a stop.
_FROM_BEFORE: Final = [
    "inventory_client.0001_stock_and_reservations",
    "orders.0003_life_of_an_order",
    "orders.0012_credits",
    "orders.0013_credits_so_far",
    "orders.0015_phone_numbers",
]
_OURS: Final = ["audit", "events", "inventory_client", "orders"]


def linter(**options: Any) -> MigrationLinter:
    return MigrationLinter(
        path=".",
        include_apps=_OURS,
        analyser_string="postgresql",
        no_cache=True,
        no_output=True,
        all_warnings_as_errors=True,
        **options,
    )


@pytest.mark.long
def test_every_migration_leaves_the_release_before_working(database: None, capsys: pytest.CaptureFixture[str]):
    lint = linter(ignore_name=[name.split(".")[1] for name in _FROM_BEFORE])
    lint.no_output = False

    lint.lint_all_migrations()

    wrong = capsys.readouterr().out
    assert not lint.has_errors, wrong
    assert lint.nb_valid >= 50


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (RemoveField("order", "note"), "DROP_COLUMN"),
        (AddField("order", "loyalty", TextField()), "NOT_NULL"),
        (AddField("order", "loyalty", TextField(null=True)), None),
        (AddField("order", "loyalty", TextField(default="", db_default="")), None),
    ],
)
def test_what_would_break_it_is_found(database: None, change: Any, found: str | None):
    class Example(Migration):
        operations = [change]

    migration = Example("example", "orders")
    state = MigrationLoader(connection).project_state()
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        migration.apply(state, editor, collect_sql=True)

    errors, _, warnings = analyse_sql_statements(
        get_sql_analyser_class("postgresql", analyser_string="postgresql"), editor.collected_sql
    )

    assert [issue.code for issue in (*errors, *warnings)] == ([found] if found else [])
