"""What stays when a process is stopped in the middle of its work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection


class Interrupted(Exception):
    """The process ends here."""


@contextmanager
def interrupted_before(word: str, *, number: int) -> Iterator[None]:
    """`interrupted_before("delete", number=3)`: two such statements are executed, the third ends the block."""
    begun = 0

    def execute(go_on: Any, sql: str, *arguments: Any) -> Any:
        nonlocal begun
        begun += sql.split()[0] == word
        if begun == number:
            raise Interrupted
        return go_on(sql, *arguments)

    with connection.execute_wrapper(execute), pytest.raises(Interrupted):
        yield
