"""What Prometheus can ask at `/metrics`: requests, refusals, placements, the relay, the database.

With several worker processes, PROMETHEUS_MULTIPROC_DIR names one directory that all of them share and that
is empty when the service starts. It has to be set before Python starts: the client library looks once, on
import. Without it, an answer is of the one process that was asked.
"""

from collections.abc import Iterator
from secrets import compare_digest
from typing import NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from events.inbox.standing import inbox_standing
from events.lag import feed_lag_seconds, relay_lag
from events.webhooks.health import endpoints_by_state, webhook_lag_seconds
from orders.api import problems
from orders.reading.requested import requests_standing
from orders_project.database_probe import DatabaseProbe, limited
from orders_project.metrics import counted

ANSWER_LIMIT_SECONDS = 1.0


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics in Prometheus' text format, for `Authorization: Bearer <METRICS_TOKEN>`.

    With no METRICS_TOKEN the page is open while DEBUG is on and closed otherwise. Addresses decide nothing:
    behind a reverse proxy every caller has a private one.
    """
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "")
    if token and not compare_digest(given.encode(), f"Bearer {token}".encode()):
        return problems.problem_response(
            401,
            "unauthorized",
            "The token is missing or wrong",
            "Metrics need the header Authorization: Bearer, with the value of METRICS_TOKEN.",
            request=request,
            headers={"WWW-Authenticate": 'Bearer realm="metrics"'},
        )
    if not token and not settings.DEBUG:
        return problems.problem_response(
            403,
            "metrics_closed",
            "Metrics are closed",
            "No METRICS_TOKEN is set. Set it, and send it as Authorization: Bearer.",
            request=request,
        )
    return HttpResponse(
        generate_latest(counted()) + generate_latest(_service_registry),
        content_type=CONTENT_TYPE_LATEST,
    )


class _Sizes(NamedTuple):
    connections: dict[str, int]
    lag_seconds: dict[str, float]
    parked: dict[str, int]
    feed_lag_seconds: float
    webhook_endpoints: dict[str, int]
    webhook_seconds: float
    inbox: dict[str, int]
    inbox_seconds: float
    requested: dict[str, int]
    requested_seconds: float


class _ServiceCollector(Collector):
    """What the database knows, asked at each scrape; only `database_up` is left when it does not answer."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            sizes = _probe.ask(limit_seconds=ANSWER_LIMIT_SECONDS)
        except (TimeoutError, DatabaseError, InterfaceError, ImproperlyConfigured):
            yield GaugeMetricFamily("database_up", "Whether the database answers.", value=0)
            return
        yield GaugeMetricFamily("database_up", "Whether the database answers.", value=1)
        yield _gauge("database_connections", "Connections to this database.", "state", sizes.connections)
        yield _gauge("events_relay_lag_seconds", "Age of the oldest event that is due.", "sink", sizes.lag_seconds)
        yield _gauge("events_parked", "Events that wait for a person's decision.", "sink", sizes.parked)
        yield GaugeMetricFamily(
            "events_feed_lag_seconds",
            "Age of the oldest event without a position in the feed.",
            value=sizes.feed_lag_seconds,
        )
        yield _gauge("webhook_endpoints", "Webhook endpoints.", "state", sizes.webhook_endpoints)
        yield GaugeMetricFamily(
            "webhooks_lag_seconds",
            "How long ago the oldest webhook was due to an endpoint that answers.",
            value=sizes.webhook_seconds,
        )
        yield _gauge("events_inbox", "Events that came in, by what is with them.", "state", sizes.inbox)
        yield GaugeMetricFamily(
            "events_inbox_lag_seconds", "How long ago the oldest event was due that waits.", value=sizes.inbox_seconds
        )
        yield _gauge("orders_requested", "Orders asked for and not placed.", "state", sizes.requested)
        yield GaugeMetricFamily(
            "orders_requested_lag_seconds",
            "How long ago the oldest order was asked for that waits to be placed.",
            value=sizes.requested_seconds,
        )


def _gauge(name: str, text: str, label: str, values: dict[str, int] | dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


@limited()
def _ask_database() -> _Sizes:
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(state, 'other'), count(*) from pg_stat_activity "
            "where datname = current_database() group by 1"
        )
        connections = dict(cursor.fetchall())
    lags, inbox, requested = relay_lag(), inbox_standing(), requests_standing()
    return _Sizes(
        connections,
        {sink: lag.seconds for sink, lag in lags.items()},
        {sink: lag.parked for sink, lag in lags.items()},
        feed_lag_seconds(),
        endpoints_by_state(),
        webhook_lag_seconds(),
        {"due": inbox.due, "dead": inbox.dead, "stale": inbox.stale},
        inbox.seconds,
        {"waiting": requested.waiting, "parked": requested.parked, "rejected": requested.rejected},
        requested.seconds,
    )


_probe = DatabaseProbe(_ask_database)
_service_registry = CollectorRegistry()
_service_registry.register(_ServiceCollector())
