"""DATABASE_URL as Django's DATABASES wants it, with the login of a secret where there is one."""

from typing import Any, Final

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from psycopg.pq import Conninfo

from orders_project.database_secret import DatabaseSecret

_DJANGOS_ENGINE: Final = "django.db.backends.postgresql"
_OUR_ENGINE: Final = "orders_project.database_engine"
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
    if database["ENGINE"] == _DJANGOS_ENGINE:
        database["ENGINE"] = _OUR_ENGINE
    return database


def with_secret(secret: DatabaseSecret, *, url: str | None) -> dict[str, Any]:
    """The settings of a database whose login the secret has, and the URL the rest; without a URL the secret has all.

    Raises ImproperlyConfigured when the two cannot be meant together.
    """
    if not url:
        return {"ENGINE": _OUR_ENGINE, "NAME": "", "USER": "", "PASSWORD": "", "HOST": "", "PORT": ""}
    database = database_at(url)
    if database["ENGINE"] != _OUR_ENGINE:
        raise _unreadable(f"With {secret.name} it has to be a PostgreSQL server's.")
    if database["USER"] or database["PASSWORD"]:
        raise ImproperlyConfigured(
            f"DATABASE_URL has a user or a password, and so has {secret.name}. Leave them out of DATABASE_URL, as in "
            "postgres://host:5432/name, or remove the secret."
        )
    if "pool" in database.get("OPTIONS", {}):
        raise ImproperlyConfigured(
            f"DATABASE_URL asks for a pool, whose connections know nothing of {secret.name}. Leave the option out."
        )
    return database


def _known_options() -> set[str]:
    return {option.keyword.decode() for option in Conninfo.get_defaults()} | _MORE_OPTIONS


def _unreadable(what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"DATABASE_URL is not what is expected, postgres://user:password@host:5432/name. {what} What is neither a "
        "letter nor a digit in user or password is written as its code, such as %40 for @; without DATABASE_URL the "
        "embedded PostgreSQL is used."
    )
