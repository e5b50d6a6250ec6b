"""Settings this design cannot live with, found before the first request."""

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth.models import Group
from django.core import checks
from django.db import connections

from orders.models.second_factors import EVERYBODY

# Where the setting has another name than its environment variable.
_VARIABLES: Final = {"DATA_UPLOAD_MAX_MEMORY_SIZE": "MAX_BODY_BYTES"}
_DAY: Final = 86_400
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9.\-_/#:]{1,255}")


class _Range(NamedTuple):
    """What a number can be; `zero` says what 0 means where it is none of the range."""

    least: float
    most: float
    zero: str | None = None

    def __contains__(self, number: object) -> bool:
        assert isinstance(number, int | float)  # noqa: S101 - the settings are read as such
        return self.least <= number <= self.most or (self.zero is not None and number == 0)

    def __str__(self) -> str:
        either = f", or 0: {self.zero}" if self.zero else ""
        return f"from {self.least:,} to {self.most:,}{either}"


# Less would refuse everything, wait for ever or look all the time; more is beyond what dates, disks and people bear.
_RANGES: Final = {
    "ANONYMOUS_REQUESTS_PER_SECOND": _Range(0.001, 1_000_000, "no limit"),
    "API_KEY_CACHE_SECONDS": _Range(0, 3600),
    "API_KEY_LOOKUPS_PER_SECOND": _Range(0.001, 1_000_000),
    "BODY_SECONDS": _Range(0.1, 3600),
    "BULK_RUN_DAYS": _Range(1, 3650),
    "CUSTOMER_CACHE_SECONDS": _Range(0, 3600),
    "CUSTOMER_TIMEOUT_SECONDS": _Range(0.001, 3600),
    "DATABASE_CONN_MAX_AGE": _Range(0, 365 * _DAY),
    "DATA_UPLOAD_MAX_MEMORY_SIZE": _Range(1, 1_000_000_000),
    "HOLD_GRACE_SECONDS": _Range(1, _DAY),
    "IDEMPOTENCY_KEY_DAYS": _Range(1, 3650),
    "REJECTED_DAYS": _Range(1, 3650),
    "INVENTORY_TIMEOUT_SECONDS": _Range(0.001, 3600),
    "LOCK_TIMEOUT_MS": _Range(1, 3_600_000),
    "LOGIN_FAILURE_LIMIT": _Range(1, 1000),
    "READS_PER_SECOND": _Range(0.001, 1_000_000, "no limit"),
    "RELAY_LAG_WARNING_SECONDS": _Range(1, 30 * _DAY),
    "REQUESTED_LAG_WARNING_SECONDS": _Range(1, 30 * _DAY),
    "REQUEST_THREADS": _Range(1, 256),
    "RESERVATION_MINUTES": _Range(1, 10 * 365 * 24 * 60),
    "STATEMENT_TIMEOUT_MS": _Range(1, 3_600_000),
    "TRUSTED_PROXIES": _Range(0, 100),
    "WEBHOOK_LOG_DAYS": _Range(7, 3650),
    "WRITES_PER_SECOND": _Range(0.001, 1_000_000, "no limit"),
}


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
    """Limits and times within which the service can do its work."""
    return [
        checks.Error(
            f"{_VARIABLES.get(name, name)} is {getattr(settings, name)}; expected a number {allowed}.",
            hint="Correct the environment variable, or remove it to get the default.",
            id="orders_project.E004",
        )
        for name, allowed in _RANGES.items()
        if getattr(settings, name) not in allowed
    ]


@checks.register()
def check_cloudwatch(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Of a name it does not take CloudWatch would make no metrics, and tell nobody."""
    namespace = settings.CLOUDWATCH_NAMESPACE
    if not namespace or (_NAMESPACE.fullmatch(namespace) and not namespace.startswith("AWS/")):
        return []
    return [
        checks.Error(
            f"CLOUDWATCH_NAMESPACE is {namespace!r}, which is no namespace of CloudWatch's.",
            hint="It has at most 255 letters, digits and . - _ / # :, and does not begin with AWS/.",
            id="orders_project.E010",
        )
    ]


@checks.register()
def check_lock_timeout(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Whoever waits for an order is told that others change it, unless the statement's own end comes first."""
    if settings.LOCK_TIMEOUT_MS < settings.STATEMENT_TIMEOUT_MS:
        return []
    return [
        checks.Warning(
            f"LOCK_TIMEOUT_MS is {settings.LOCK_TIMEOUT_MS}; a statement ends after {settings.STATEMENT_TIMEOUT_MS} "
            "ms, so nobody is told that others are changing the same order.",
            hint="Set LOCK_TIMEOUT_MS to less than STATEMENT_TIMEOUT_MS.",
            id="orders_project.W004",
        )
    ]


@checks.register()
def check_hold_grace(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """The sweeper may release a hold only when no placement can still write its order."""
    slowest = settings.INVENTORY_TIMEOUT_SECONDS + settings.STATEMENT_TIMEOUT_MS / 1000
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


@checks.register(checks.Tags.database)
def check_second_factor_groups(
    app_configs: Iterable[AppConfig] | None, databases: Iterable[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """A group that is misspelt asks nobody. `migrate` looks, and so does `check --database default`."""
    named = set(settings.SECOND_FACTOR_GROUPS) - {EVERYBODY}
    connection = connections["default"]
    if not (
        named and "default" in (databases or ()) and Group._meta.db_table in connection.introspection.table_names()
    ):
        return []
    known = set(Group.objects.values_list("name", flat=True))
    return [
        checks.Warning(
            f"SECOND_FACTOR_GROUPS names {name!r}, and there is no such group: it asks nobody for a second factor.",
            hint=f"Name some of: {', '.join(sorted(known))}; or {EVERYBODY}, which is everybody.",
            id="orders_project.W005",
        )
        for name in sorted(named - known)
    ]


@checks.register(checks.Tags.database)
def check_pooler(
    app_configs: Iterable[AppConfig] | None, databases: Iterable[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """A pooler passes no settings on, so the role must have them. `migrate` looks, and `check --database default`."""
    if not (settings.DATABASE_POOLER and "default" in (databases or ())):
        return []
    wanted: dict[str, str] = settings.SESSION_SETTINGS
    with connections["default"].cursor() as cursor:
        cursor.execute("select name, setting from pg_settings where name = any(%s)", [list(wanted)])
        found = dict(cursor.fetchall())
        cursor.execute("select format('alter role %I in database %I set', current_user, current_database())")
        (change,) = cursor.fetchone()
    missing = {name: value for name, value in wanted.items() if found.get(name) != value}
    if not missing:
        return []
    told = ", ".join(f"{name} is {found.get(name)}" for name in missing)
    return [
        checks.Warning(
            f"DATABASE_POOLER is on, so the role has to have the settings of connections, and it has others: {told}.",
            hint=f"Run in psql: {' '.join(f'{change} {name} = {value};' for name, value in missing.items())} "
            "Connections of the pooler that are open keep what they have.",
            id="orders_project.W006",
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
