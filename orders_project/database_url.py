"""DATABASE_URL as Django's DATABASES wants it."""

from typing import Any, Final

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from psycopg.pq import Conninfo

# What Django and psycopg take beside libpq's own parameters.
_MORE_OPTIONS: Final = frozenset({"assume_role", "isolation_level", "pool", "prepare_threshold", "server_side_binding"})


def database_at(url: str) -> dict[str, Any]:
    """The settings of the database at this URL.

    Raises ImproperlyConfigured when it is none, without a word of what it says: it holds a password.
    """
    try:
        database: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError:
        raise _unreadable("It cannot be read as a URL of a database.") from None
    options = database.get("OPTIONS", {})
    if not (database["NAME"] or options.get("service")):
        raise _unreadable("It names no database.")
    if "postgresql" in database["ENGINE"] and (unknown := sorted(options.keys() - _known_options())):
        raise _unreadable(f"It has options that there are not: {', '.join(unknown)}.")
    return database


def _known_options() -> set[str]:
    return {option.keyword.decode() for option in Conninfo.get_defaults()} | _MORE_OPTIONS


def _unreadable(what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"DATABASE_URL is not what is expected, postgres://user:password@host:5432/name. {what} What is neither a "
        "letter nor a digit in user or password is written as its code, such as %40 for @; without DATABASE_URL the "
        "embedded PostgreSQL is used."
    )
