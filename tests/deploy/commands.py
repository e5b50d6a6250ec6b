"""What a file that starts the service may name: commands of manage.py with their options, and variables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

ROOT: Final = Path(settings.BASE_DIR)
_ROWS: Final = re.compile(r"^\| (`[^|]+`) \|", re.MULTILINE)
_NAME: Final = re.compile(r"`([A-Z][A-Z0-9_]+)`")
# Those that may be given as a file, as the first paragraphs of the page say.
_SECRETS: Final = re.compile(r"holds it: (.*?) are such", re.DOTALL)


def secrets() -> set[str]:
    return set(_NAME.findall(_SECRETS.findall(_page())[0]))


def variables() -> set[str]:
    """Every variable that docs/configuration.md has in a table, and the files that may hold a secret."""
    named = {name for row in _ROWS.findall(_page()) for name in _NAME.findall(row)}
    return named | {f"{name}_FILE" for name in secrets()}


def _page() -> str:
    return (ROOT / "docs/configuration.md").read_text()


def check(words: Sequence[str]) -> str:
    """Read `python manage.py COMMAND OPTIONS…` as the command itself would; return its name. Raises where it would."""
    assert list(words[:2]) == ["python", "manage.py"], words
    name, *options = words[2:]
    app = get_commands()[name]
    command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
    command.create_parser("manage.py", name).parse_args(options)
    return name
