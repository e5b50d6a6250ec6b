"""DATABASE_URL as Django's DATABASES wants it."""

from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured


def database_at(url: str) -> dict[str, Any]:
    """The settings of the database at this URL.

    Raises ImproperlyConfigured when it is none, without a word of what it says: it holds a password.
    """
    try:
        database: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError:
        raise _unreadable("It cannot be read as a URL of a database.") from None
    if not (database["NAME"] or database.get("OPTIONS", {}).get("service")):
        raise _unreadable("It names no database.")
    return database


def _unreadable(what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"DATABASE_URL is not what is expected, postgres://user:password@host:5432/name. {what} What is neither a "
        "letter nor a digit in user or password is written as its code, such as %40 for @; without DATABASE_URL the "
        "embedded PostgreSQL is used."
    )
