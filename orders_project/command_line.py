"""What every command of `manage.py` goes through, ours and Django's: what is out of order around it is told in a
sentence, with exit code 1.

What a command itself refuses is its own CommandError.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import django
import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError, InterfaceError

from inventory_client.errors import InventoryError
from orders.management.database_trouble import trouble_in_words
from orders_project.embedded_pg import EmbeddedPgError
from orders_project.starting import log_start

_INTERRUPTED: Final = 130  # as shells say it of SIGINT
# The commands that run until they are stopped. Web processes log their start where they load the application.
_PROCESSES: Final = frozenset(
    {"consume_events", "place_requested", "relay_events", "run_customers", "run_inventory", "sweep"}
)
_DONE_AT_ONCE: Final = frozenset({"--once", "--help", "-h"})
_WITHOUT_DATABASE: Final = (
    "EMBEDDED_PG is 0, which switches the database off, and this command needs one. Remove EMBEDDED_PG, or set "
    "DATABASE_URL."
)


def run_command(arguments: Sequence[str]) -> None:
    """Run the command these arguments name, the program's own name first. With `--traceback` nothing is caught."""
    if "--traceback" in arguments:
        _execute(arguments)
        return
    try:
        settings.INSTALLED_APPS  # noqa: B018 - `help` would go on without settings that cannot be read
        _execute(arguments)
    except ImproperlyConfigured as error:
        _end(_WITHOUT_DATABASE if _is_switched_off(error) else str(error))
    except EmbeddedPgError as error:
        _end(str(error))
    except (DatabaseError, InterfaceError, psycopg.Error) as error:  # the relay speaks to the driver itself
        _end(trouble_in_words(error))
    except InventoryError as error:
        _end(f"The inventory cannot do this now: {error} Run the same command again later.")
    except UnicodeEncodeError:
        odd = next((argument for argument in arguments if _is_odd(argument)), None)
        if odd is None:
            raise
        _end(f"The argument {odd!r} is not UTF-8, as names, numbers and texts have to be.")
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _end(f"The operating system refused something: {error}. With --traceback the command shows where.")
    except KeyboardInterrupt:
        _end("Stopped.", code=_INTERRUPTED)


def _execute(arguments: Sequence[str]) -> None:
    command = arguments[1] if len(arguments) > 1 else ""
    if command in _PROCESSES and not _DONE_AT_ONCE.intersection(arguments):
        django.setup()
        log_start(command)
    execute_from_command_line([*arguments])


def _end(sentence: str, *, code: int = 1) -> NoReturn:
    sys.stderr.write(f"{sentence}\n")
    sys.exit(code)


def _is_switched_off(error: ImproperlyConfigured) -> bool:
    """Whether Django's dummy engine, which stands for no database, was asked for something."""
    return "settings.DATABASES" in str(error) and settings.DATABASES["default"]["ENGINE"].endswith(".dummy")


def _is_odd(argument: str) -> bool:
    """Whether it holds bytes that are no text; Python keeps them as lone surrogates (PEP 383)."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return True
    return False
