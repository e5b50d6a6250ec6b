"""Is the process up (`/healthz`), and should it be sent requests (`/readyz`)?"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, Literal, NamedTuple, NotRequired, TypedDict

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import resolve
from django.views.decorators.http import require_safe

from events.lag import SinkLag, feed_lag_seconds, relay_lag
from events.webhooks.health import webhook_lag_seconds
from inventory_client.outages import Outage, outage_of
from orders.reading.requested import MOST_COUNTED, Standing, requests_standing
from orders_project.database_probe import DatabaseProbe, limited
from orders_project.metrics import counted_together

ANSWER_LIMIT_SECONDS = 1.0
# The last to be asked, and within that.
_REQUESTED_LIMIT_MS: Final = 250
ALIVE = {"status": "ok", "version": settings.VERSION}

_DETAILS: Final = {
    Outage.UNREACHABLE: "The database cannot be reached; the log says why.",
    Outage.READ_ONLY: "The database takes no changes: it is a standby, or has been made read-only.",
    Outage.FULL: "The database has no disk space or memory left.",
}
_WRITE: Final = "update django_migrations set applied = applied where id = (select max(id) from django_migrations)"
# More than work_mem, so it goes into a temporary file, which ends with the statement.
_TAKE_DISK_SPACE: Final = """
with room as materialized (select repeat('x', 1000) from generate_series(1, 128)) select count(*) from room
"""

logger = structlog.stdlib.get_logger(__name__)


class Sink(TypedDict):
    """How a sink stands. `sent` is since the service was started; None when the relays are not counted together."""

    lag_seconds: float
    parked: int
    sent: int | None


class Webhooks(TypedDict):
    """How all endpoints together stand."""

    lag_seconds: float
    sent: int | None


class _Standing(TypedDict):
    sinks: dict[str, Sink]
    webhooks: Webhooks


class Check(TypedDict):
    """What one look found; `detail` is for the person on call."""

    status: Literal["ok", "degraded", "failed", "unknown"]
    detail: str
    sinks: NotRequired[dict[str, Sink]]
    webhooks: NotRequired[Webhooks]


class Findings(NamedTuple):
    """What a reachable database says: migrations it lacks, how far sinks, webhooks, feed and requests are behind."""

    missing_migrations: list[str]
    sinks: dict[str, SinkLag]
    feed_seconds: float
    webhook_seconds: float
    requested: Standing | None


class HealthMiddleware:
    """Answers both before anybody looks at host or scheme: load balancers and kubelets ask by address, over HTTP."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in ("/healthz", "/readyz"):
            return self.get_response(request)
        match = request.resolver_match = resolve(request.path_info)
        answer: HttpResponseBase = match.func(request)
        return answer


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; a restart would not help whatever else is wrong. Never asks the database."""
    return JsonResponse(ALIVE)


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when requests can be served, 503 when the database is away, takes no changes or lacks migrations.

    A relay that is behind makes the answer `degraded`, still a 200: orders are placed and their events are
    kept, and taking every web node out of service would turn late events into refused orders. Alert on the
    metric `events_relay_lag_seconds`, or on this status. Answers within about a second, whatever the
    database does.
    """
    checks = look()
    found = {check["status"] for check in checks.values()}
    status = "failed" if "failed" in found else "degraded" if "degraded" in found else "ok"
    response = JsonResponse(
        {"status": status, "version": settings.VERSION, "checks": checks},
        status=503 if status == "failed" else 200,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def look() -> dict[str, Check]:
    """Check the database, its migrations and the relay."""
    try:
        findings = _probe.ask(limit_seconds=ANSWER_LIMIT_SECONDS)
    except TimeoutError:
        return _not_ready(f"The database did not answer within {ANSWER_LIMIT_SECONDS:g} s.")
    except (DatabaseError, InterfaceError, ImproperlyConfigured) as exc:
        # Its text names hosts and users: for the log, not for whoever can open this page.
        logger.warning("database not ready", reason=str(exc).strip())
        outage = outage_of(exc)
        return _not_ready(_DETAILS[outage] if outage else "The database refused to answer; the log says why.")
    return {
        "database": {"status": "ok", "detail": "The database answers, and takes changes."},
        "migrations": _check_migrations(findings.missing_migrations),
        "relay": _check_relay(findings),
        "requested_orders": _check_requested(findings),
    }


def _not_ready(detail: str) -> dict[str, Check]:
    return {
        "database": {"status": "failed", "detail": detail},
        "migrations": {"status": "unknown", "detail": "Not asked: the database is not ready."},
        "relay": {"status": "unknown", "detail": "Not asked: the database is not ready."},
        "requested_orders": {"status": "unknown", "detail": "Not asked: the database is not ready."},
    }


def _check_migrations(missing: list[str]) -> Check:
    if not missing:
        return {"status": "ok", "detail": "Every migration is applied."}
    names = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
    return {
        "status": "failed",
        "detail": f"Migrations that are not applied: {len(missing)} ({names}). Run manage.py migrate.",
    }


def _check_relay(findings: Findings) -> Check:
    """Parked events are told and change nothing: they wait for a person, and others go on. So are webhooks: how fast
    they go is up to whoever answers them.
    """
    limit = settings.RELAY_LAG_WARNING_SECONDS
    parked = ", ".join(f"{sink} {lag.parked}" for sink, lag in sorted(findings.sinks.items()) if lag.parked)
    told = f" Parked are: {parked}." if parked else ""
    late = [(sink, lag.seconds) for sink, lag in sorted(findings.sinks.items()) if lag.seconds > limit]
    look = "the relay and its sinks"
    if findings.feed_seconds > limit:
        late.append(("the feed", findings.feed_seconds))
        look = "the sweeper" if len(late) == 1 else f"{look}, and at the sweeper"
    standing: _Standing = {"sinks": _sinks(findings), "webhooks": _webhooks(findings)}
    if not late:
        return {"status": "ok", "detail": f"No event has waited longer than {limit} s.{told}", **standing}
    sinks = ", ".join(f"{sink} by {seconds:.0f} s" for sink, seconds in late)
    return {
        "status": "degraded",
        "detail": f"Events are late: {sinks}; expected at most {limit} s. Look at {look}.{told}",
        **standing,
    }


def _sinks(findings: Findings) -> dict[str, Sink]:
    sent = counted_together("events_sent_total", "sink")
    return {
        sink: {
            "lag_seconds": round(lag.seconds, 3),
            "parked": lag.parked,
            "sent": None if sent is None else sent.get(sink, 0),
        }
        for sink, lag in sorted(findings.sinks.items())
    }


def _webhooks(findings: Findings) -> Webhooks:
    sent = counted_together("webhooks_sent_total", "outcome")
    return {
        "lag_seconds": round(findings.webhook_seconds, 3),
        "sent": None if sent is None else sent.get("delivered", 0),
    }


def _check_requested(findings: Findings) -> Check:
    """Parked ones are told and change nothing, as parked events are."""
    if findings.missing_migrations:
        return {"status": "unknown", "detail": "Not asked: migrations are missing."}
    found = findings.requested
    if found is None:
        return {"status": "degraded", "detail": "How requested orders stand could not be asked; the log says why."}
    told = f" Parked are {_at_least(found.parked)}: they wait for a person." if found.parked else ""
    limit = settings.REQUESTED_LAG_WARNING_SECONDS
    if found.seconds <= limit:
        return {"status": "ok", "detail": f"No requested order has waited longer than {limit} s.{told}"}
    return {
        "status": "degraded",
        "detail": f"Requested orders are late: {_at_least(found.waiting)} wait, the oldest for {found.seconds:.0f} s; "
        f"expected at most {limit} s. Look at manage.py place_requested, the inventory and the CustomerService.{told}",
    }


def _at_least(counted: int) -> str:
    return "more than 10,000" if counted >= MOST_COUNTED else str(counted)


def _ask_database() -> Findings:
    with limited():
        missing = _missing_migrations()
    _try_to_write()
    # Without their tables neither can be asked for.
    if missing:
        return Findings(missing, {}, 0.0, 0.0, None)
    with limited():
        late = relay_lag(), feed_lag_seconds(), webhook_lag_seconds()
    return Findings(missing, *late, _requested())


def _requested() -> Standing | None:
    """None when it cannot be told: orders are placed at once all the same, so no node goes out of service for that."""
    try:
        with limited(_REQUESTED_LIMIT_MS):
            return requests_standing()
    except DatabaseError as exc:
        if outage_of(exc):
            raise
        logger.warning("requested orders cannot be looked at", reason=str(exc).strip())
        return None


def _try_to_write() -> None:
    """Do what a change needs, and change nothing. Raises what the database raises.

    Several machines may ask every few seconds: what an attempt leaves on its page, one of the next clears away.
    Disk space is asked for apart, because a row may find room on a page that is there.
    """
    with limited(), connection.cursor() as cursor:
        cursor.execute("set local work_mem = '64kB'")
        cursor.execute(_WRITE)
        cursor.execute(_TAKE_DISK_SPACE)


def _missing_migrations() -> list[str]:
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in _known_migrations() - applied.keys())


@lru_cache(maxsize=1)
def _known_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.nodes)


_probe = DatabaseProbe(_ask_database)
