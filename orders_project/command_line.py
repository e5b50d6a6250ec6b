"""What every command of `manage.py` goes through, ours and Django's: what is out of order around it is told in a
sentence, with exit code 1.

What a command itself refuses is its own CommandError.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def run_command(arguments: Sequence[str]) -> None:
    """Run the command these arguments name, the program's own name first. With `--traceback` nothing is caught."""
    if "--traceback" in arguments:
        execute_from_command_line([*arguments])
        return
    try:
        settings.INSTALLED_APPS  # noqa: B018 - `help` would go on without settings that cannot be read
        execute_from_command_line([*arguments])
    except ImproperlyConfigured as error:
        _end(str(error))


def _end(sentence: str, *, code: int = 1) -> NoReturn:
    sys.stderr.write(f"{sentence}\n")
    sys.exit(code)
