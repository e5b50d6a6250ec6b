from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django.fixtures import Settings

from events.models import PARKED, OutboxEntry
from orders_project.health import ANSWER_LIMIT_SECONDS
from tests.outages import no_free_connection, no_room_for_files, read_only_database

pytestmark = pytest.mark.urls("tests.orders_project.routes")

# A UUIDv7 of the year 2020: an event that has waited for years.
OLD_EVENT = "016f5e66-e800-7000-8000-000000000000"


@pytest.fixture
def no_database(database: None) -> Iterator[None]:
    """New connections go to a port where nothing listens."""
    with pytest.MonkeyPatch.context() as configuration:
        configuration.setitem(connections.settings["default"], "PORT", "1")
        yield


def _queue_an_old_event(sink: str) -> None:
    OutboxEntry.objects.create(
        sink=sink, bucket=1, event_id=OLD_EVENT, storefront_id=1, stream_id=OLD_EVENT, sequence=1
    )


def test_the_process_is_up_without_asking_the_database(client: Client):
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok", "version": "0.1.0"})


def test_a_health_check_is_read_only(client: Client):
    assert client.post("/healthz").status_code == 405
    assert client.post("/readyz").status_code == 405


@pytest.mark.usefixtures("database")
def test_ready_names_every_check(client: Client, settings: Settings):
    settings.EVENT_SINKS = ["console"]

    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (
        200,
        {
            "status": "ok",
            "version": "0.1.0",
            "checks": {
                "database": {"status": "ok", "detail": "The database answers, and takes changes."},
                "migrations": {"status": "ok", "detail": "Every migration is applied."},
                "relay": {
                    "status": "ok",
                    "detail": "No event has waited longer than 60 s.",
                    "sinks": {"console": {"lag_seconds": 0.0, "parked": 0, "sent": None}},
                    "webhooks": {"lag_seconds": 0.0, "sent": None},
                },
                "requested_orders": {"status": "ok", "detail": "No requested order has waited longer than 60 s."},
            },
        },
    )
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("no_database")
def test_not_ready_without_a_database(client: Client):
    response = client.get("/readyz")

    assert (response.status_code, response.json()["status"]) == (503, "failed")
    assert response.json()["checks"] == {
        "database": {
            "status": "failed",
            "detail": "The database cannot be reached; the log says why.",
        },
        "migrations": {"status": "unknown", "detail": "Not asked: the database is not ready."},
        "relay": {"status": "unknown", "detail": "Not asked: the database is not ready."},
        "requested_orders": {"status": "unknown", "detail": "Not asked: the database is not ready."},
    }


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("outage", "detail"),
    [
        (read_only_database, "The database takes no changes: it is a standby, or has been made read-only."),
        (no_room_for_files, "The database has no disk space or memory left."),
        (no_free_connection, "The database cannot be reached; the log says why."),
    ],
)
def test_not_ready_when_changes_would_fail(
    client: Client, outage: Callable[[], AbstractContextManager[None]], detail: str
):
    with outage():
        during = client.get("/readyz")
    afterwards = client.get("/readyz")

    assert (during.status_code, during.json()["checks"]["database"]) == (503, {"status": "failed", "detail": detail})
    assert (afterwards.status_code, afterwards.json()["status"]) == (200, "ok")


@pytest.mark.usefixtures("database")
def test_asking_often_leaves_nothing_behind(client: Client):
    def pages() -> int:
        with connection.cursor() as cursor:
            cursor.execute("select pg_relation_size('django_migrations') / current_setting('block_size')::int")
            return int(cursor.fetchone()[0])

    before = pages()

    for _ in range(120):  # several times as many rows as a page has room for
        assert client.get("/readyz").status_code == 200

    assert pages() <= before + 1


@pytest.mark.usefixtures("no_database")
def test_the_process_is_up_without_a_database(client: Client):
    assert client.get("/healthz").status_code == 200


@pytest.mark.usefixtures("database")
def test_not_ready_with_a_migration_missing(client: Client):
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("sessions", "0001_initial")

    try:
        response = client.get("/readyz")
    finally:
        recorder.record_applied("sessions", "0001_initial")

    assert (response.status_code, response.json()["status"]) == (503, "failed")
    assert response.json()["checks"]["migrations"] == {
        "status": "failed",
        "detail": "Migrations that are not applied: 1 (sessions.0001_initial). Run manage.py migrate.",
    }


@pytest.mark.usefixtures("database")
def test_a_late_relay_degrades_but_takes_no_web_node_out(client: Client, settings: Settings):
    settings.EVENT_SINKS = ["console"]
    _queue_an_old_event("console")

    response = client.get("/readyz")

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["relay"]["status"] == "degraded"
    assert response.json()["checks"]["relay"]["detail"].startswith("Events are late: console by ")


@pytest.mark.usefixtures("database")
def test_an_event_without_a_position_in_the_feed_is_late_too(client: Client):
    with connection.cursor() as cursor:
        cursor.execute("insert into events_feed_arrival (storefront_id, event_id) values (1, %s)", [OLD_EVENT])

    relay = client.get("/readyz").json()["checks"]["relay"]

    assert relay["status"] == "degraded"
    assert relay["detail"].startswith("Events are late: the feed by ")
    assert relay["detail"].endswith("Look at the sweeper.")


@pytest.mark.usefixtures("database")
def test_parked_events_are_told_and_wait_for_a_person(client: Client, settings: Settings):
    settings.EVENT_SINKS = ["console"]
    _queue_an_old_event("console")
    OutboxEntry.objects.update(next_attempt_at=PARKED)

    relay = client.get("/readyz").json()["checks"]["relay"]

    assert (relay["status"], relay["detail"]) == (
        "ok",
        "No event has waited longer than 60 s. Parked are: console 1.",
    )
    assert relay["sinks"] == {"console": {"lag_seconds": 0.0, "parked": 1, "sent": None}}


@pytest.mark.usefixtures("database")
def test_the_limit_for_late_events_is_a_setting(client: Client, settings: Settings):
    settings.EVENT_SINKS = ["console"]
    settings.RELAY_LAG_WARNING_SECONDS = 10**12
    _queue_an_old_event("console")

    assert client.get("/readyz").json()["status"] == "ok"


def test_an_orchestrator_with_a_timeout_of_some_seconds_gets_its_answer():
    assert ANSWER_LIMIT_SECONDS <= 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_answers_whoever_asks_by_address_and_over_plain_http(client, settings, database, path):
    settings.ALLOWED_HOSTS = ["orders.example.com"]
    settings.SECURE_SSL_REDIRECT = True

    response = client.get(path, headers={"Host": "10.1.2.3:8000"})

    assert (response.status_code, response.json()["status"]) == (200, "ok")


def test_every_other_address_minds_the_host(client, settings):
    settings.ALLOWED_HOSTS = ["orders.example.com"]

    assert client.get("/metrics", headers={"Host": "10.1.2.3:8000"}).status_code == 400
