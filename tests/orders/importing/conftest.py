from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection


@dataclass
class Import:
    """How an import ended: its exit code, its report, and the sentence it failed with."""

    code: int
    report: str
    error: str
    progress: str


@pytest.fixture
def run_import(database: None, tmp_path: Path) -> Callable[..., Import]:
    """Import a file of this content: `run_import(text, "--place", name="orders.csv")`."""

    def run(content: str | bytes, *options: str, name: str = "orders.ndjson") -> Import:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        stdout, stderr = io.StringIO(), io.StringIO()
        code, error = 0, ""
        try:
            call_command("import_orders", str(file), *options, stdout=stdout, stderr=stderr)
        except CommandError as refusal:
            code, error = refusal.returncode, str(refusal)
        return Import(code, stdout.getvalue(), error, stderr.getvalue())

    return run


@pytest.fixture
def others_in_the_way(database: None) -> Callable[[int], AbstractContextManager[None]]:
    """So many times another transaction is in the way when an order is written."""

    @contextmanager
    def in_the_way(times: int) -> Iterator[None]:
        with connection.cursor() as cursor:
            cursor.execute(_IN_THE_WAY.format(times=times))
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("drop function in_the_way() cascade; drop sequence in_the_way_before")

    return in_the_way


# A sequence counts on, whatever is rolled back.
_IN_THE_WAY = """
create sequence in_the_way_before;
create function in_the_way() returns trigger language plpgsql as $$ begin
    if nextval('in_the_way_before') <= {times} then
        raise exception 'could not serialize access' using errcode = 'serialization_failure';
    end if;
    return new;
end $$;
create trigger in_the_way before insert or update on orders_order for each row execute function in_the_way();
"""


@pytest.fixture
def nothing_is_wrong_afterwards(database: None) -> Iterator[None]:
    """Once the test is over, `manage.py doctor` finds no error in what was written."""
    yield
    call_command("doctor", stdout=io.StringIO())
