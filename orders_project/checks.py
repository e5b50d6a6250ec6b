"""Settings this design cannot live with, found before the first request."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.db import connections

# Where the setting has another name than its environment variable.
_VARIABLES = {"DATA_UPLOAD_MAX_MEMORY_SIZE": "MAX_BODY_BYTES"}
_POSITIVE = (
    "API_KEY_LOOKUPS_PER_SECOND",
    "BODY_SECONDS",
    "DATA_UPLOAD_MAX_MEMORY_SIZE",
    "HOLD_GRACE_SECONDS",
    "IDEMPOTENCY_KEY_DAYS",
    "INVENTORY_TIMEOUT_SECONDS",
    "LOGIN_FAILURE_LIMIT",
    "RELAY_LAG_WARNING_SECONDS",
    "REQUEST_THREADS",
    "RESERVATION_MINUTES",
)
_NOT_NEGATIVE = (
    "ANONYMOUS_REQUESTS_PER_SECOND",
    "API_KEY_CACHE_SECONDS",
    "READS_PER_SECOND",
    "WRITES_PER_SECOND",
)


@checks.register()
def check_database(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """The one write path needs PostgreSQL and opens its own transactions."""
    database = settings.DATABASES["default"]
    found: list[checks.CheckMessage] = []
    engine = database["ENGINE"]
    # The dummy engine is for jobs without a database, such as linting.
    if engine != "django.db.backends.dummy" and connections["default"].vendor != "postgresql":
        found.append(
            checks.Error(
                f"The database engine is {engine}; this service needs PostgreSQL.",
                hint="Set DATABASE_URL to postgres://user:password@host:5432/name.",
                id="orders_project.E001",
            )
        )
    if database.get("ATOMIC_REQUESTS"):
        found.append(
            checks.Error(
                "ATOMIC_REQUESTS is on; stock has to be held before an order's transaction begins.",
                hint="Remove ATOMIC_REQUESTS from DATABASES.",
                id="orders_project.E002",
            )
        )
    if not database.get("AUTOCOMMIT", True):
        found.append(
            checks.Error(
                "AUTOCOMMIT is off; operations open and commit their own transactions.",
                hint="Remove AUTOCOMMIT from DATABASES.",
                id="orders_project.E003",
            )
        )
    return found


@checks.register()
def check_numbers(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Limits and times of zero or less would refuse everything or never end; where 0 means none, less means nothing."""
    wrong = [(name, "more than 0") for name in _POSITIVE if getattr(settings, name) <= 0]
    wrong += [(name, "0 or more") for name in _NOT_NEGATIVE if getattr(settings, name) < 0]
    return [
        checks.Error(
            f"{_VARIABLES.get(name, name)} is {getattr(settings, name)}; it has to be {expected}.",
            hint="Correct the environment variable, or remove it to get the default.",
            id="orders_project.E004",
        )
        for name, expected in wrong
    ]


@checks.register()
def check_hold_grace(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """The sweeper may release a hold only when no placement can still write its order."""
    slowest = settings.INVENTORY_TIMEOUT_SECONDS + _statement_timeout_seconds()
    if slowest < settings.HOLD_GRACE_SECONDS / 2:
        return []
    return [
        checks.Error(
            f"HOLD_GRACE_SECONDS is {settings.HOLD_GRACE_SECONDS}; an order is written within half of "
            f"that, but the inventory call and the write may take {slowest:g} seconds.",
            hint=f"Set HOLD_GRACE_SECONDS to more than {2 * slowest:g}, or lower INVENTORY_TIMEOUT_SECONDS "
            "or STATEMENT_TIMEOUT_MS.",
            id="orders_project.E005",
        )
    ]


@checks.register()
def check_inventory_url(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Empty means the embedded ledger; anything else has to be an address that can be called."""
    url = settings.INVENTORY_URL
    if not url:
        return []
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname:
        return []
    return [
        checks.Error(
            f"INVENTORY_URL is {url!r}; expected http:// or https:// and a host.",
            hint="Correct INVENTORY_URL, or remove it to hold stock in the service's own database.",
            id="orders_project.E006",
        )
    ]


@checks.register(deploy=True)
def check_production(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """What is right on a developer's machine and a mistake in production."""
    found: list[checks.CheckMessage] = []
    if settings.EMBEDDED_PG is not None:
        found.append(
            checks.Warning(
                "The database is the embedded PostgreSQL, which has no backups and no second node.",
                hint="Set DATABASE_URL to a server that somebody looks after.",
                id="orders_project.W001",
            )
        )
    if settings.LOGGING["format"] != "json":
        found.append(
            checks.Warning(
                "LOG_FORMAT is console; log collectors read one JSON object per line.",
                hint="Set LOG_FORMAT=json.",
                id="orders_project.W002",
            )
        )
    if not settings.EVENT_SINKS:
        found.append(
            checks.Warning(
                "EVENT_SINKS is empty; events are recorded but no other system hears of them.",
                hint="Set EVENT_SINKS.",
                id="orders_project.W003",
            )
        )
    return found


def _statement_timeout_seconds() -> float:
    options = settings.DATABASES["default"].get("OPTIONS", {}).get("options", "")
    stated = re.search(r"statement_timeout=(\d+)", options)
    return int(stated[1]) / 1000 if stated else 0.0
