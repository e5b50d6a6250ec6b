from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError


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
def nothing_is_wrong_afterwards(database: None) -> Iterator[None]:
    """Once the test is over, `manage.py doctor` finds no error in what was written."""
    yield
    call_command("doctor", stdout=io.StringIO())
