import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from events.webhooks.endpoints import create_endpoint, delete_endpoint, disable_endpoint
from events.webhooks.models import WebhookEndpoint
from orders_project.metrics import count_placement

pytestmark = [pytest.mark.urls("tests.orders_project.routes"), pytest.mark.usefixtures("database")]

Labels = dict[str, str]


def _counted(name: str, labels: Labels) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def _samples(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = client.get("/metrics", headers={"Authorization": "Bearer s3cret"}).content.decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.METRICS_TOKEN = "s3cret"


def test_counts_a_request_by_method_route_and_class_of_status(client: Client):
    labels = {"method": "GET", "route": "place", "status": "2xx"}
    before = _counted("http_request_duration_seconds_count", labels)

    client.get("/place/1")
    client.get("/place/2")

    assert _counted("http_request_duration_seconds_count", labels) - before == 2


def test_an_invented_method_or_path_makes_no_new_label(client: Client):
    labels = {"method": "OTHER", "route": "unmatched", "status": "4xx"}
    before = _counted("http_request_duration_seconds_count", labels)

    client.generic("INVENTED", "/some/invented/path")

    assert _counted("http_request_duration_seconds_count", labels) - before == 1


def test_counts_a_refusal_by_its_code(client: Client):
    labels = {"route": "only-get", "code": "method_not_allowed"}
    before = _counted("http_problems_total", labels)

    client.delete("/only-get")

    assert _counted("http_problems_total", labels) - before == 1


def test_counts_what_a_view_says_became_of_the_orders(client: Client):
    before = _counted("orders_placements_total", {"outcome": "unknown_product"})

    client.get("/place/1")

    assert _counted("orders_placements_total", {"outcome": "unknown_product"}) - before == 1


def test_counts_placements_by_outcome():
    before = _counted("orders_placements_total", {"outcome": "out_of_stock"})

    count_placement("out_of_stock")
    count_placement("out_of_stock", 4)

    assert _counted("orders_placements_total", {"outcome": "out_of_stock"}) - before == 5


def test_the_page_tells_of_the_database_and_of_each_sink(client: Client, settings: Settings):
    settings.EVENT_SINKS = ["console"]

    samples = _samples(client)

    assert samples["database_up", ()] == 1
    assert samples["database_connections", (("state", "active"),)] >= 1
    assert samples["events_relay_lag_seconds", (("sink", "console"),)] == 0
    assert samples["events_parked", (("sink", "console"),)] == 0
    assert samples["events_feed_lag_seconds", ()] == 0
    assert samples["events_inbox", (("state", "dead"),)] == 0
    assert samples["events_inbox_lag_seconds", ()] == 0
    assert samples["webhooks_lag_seconds", ()] == 0


def test_the_page_tells_how_webhook_endpoints_are(client: Client):
    for number in range(5):
        create_endpoint(1, source="/storefronts/au", url=f"https://hooks.example.com/{number}", by="system:test")
    _, failing, gone, by_hand, deleted = WebhookEndpoint.objects.order_by("url").values_list("pk", flat=True)
    WebhookEndpoint.objects.filter(pk=failing).update(failing_since=timezone.now())
    WebhookEndpoint.objects.filter(pk=gone).update(disabled_at=timezone.now(), disabled_because="gone")
    disable_endpoint(by_hand, by="staff:ann")
    delete_endpoint(deleted, by="staff:ann")

    samples = _samples(client)

    states = ("answering", "failing", "disabled_by_failures", "disabled_by_hand")
    assert [samples["webhook_endpoints", (("state", state),)] for state in states] == [1, 1, 1, 1]


def test_the_page_answers_without_a_database(client: Client):
    with pytest.MonkeyPatch.context() as configuration:
        configuration.setitem(connections.settings["default"], "PORT", "1")
        samples = _samples(client)

    assert samples["database_up", ()] == 0
    assert not any(name.startswith(("events_relay", "events_parked", "events_feed")) for name, _ in samples)


@pytest.mark.parametrize("given", ["", "s3cret", "Bearer", "Bearer wrong", "Bearer ü"])
def test_the_page_needs_the_token(client: Client, given: str):
    response = client.get("/metrics", headers={"Authorization": given})

    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="metrics"'


def test_the_page_is_closed_without_a_token_in_production(client: Client, settings: Settings):
    settings.METRICS_TOKEN = ""

    response = client.get("/metrics")

    assert (response.status_code, response.json()["code"]) == (403, "metrics_closed")


def test_the_page_is_open_without_a_token_while_debugging(client: Client, settings: Settings):
    settings.METRICS_TOKEN = ""
    settings.DEBUG = True

    assert client.get("/metrics").status_code == 200


def test_workers_that_share_a_directory_are_counted_together(tmp_path: Path):
    count = "from orders_project.metrics import count_placement; count_placement('placed', 3)"
    read = (
        "import django; django.setup()\n"
        "from django.test import RequestFactory\n"
        "from orders_project.metrics_page import metrics\n"
        "print(metrics(RequestFactory().get('/metrics')).content.decode())"
    )
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "DEBUG": "1", "EMBEDDED_PG": "0"}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", count], env=env, check=True)

    page = subprocess.run([sys.executable, "-c", read], env=env, check=True, capture_output=True, text=True)

    assert 'orders_placements_total{outcome="placed"} 6.0' in page.stdout


def test_relays_that_share_a_directory_are_counted_together_for_each_sink(tmp_path: Path):
    """On the page and in `/readyz`, although they answer no scrapes themselves and may have ended."""
    sent = (
        "from events.metrics import SENT, WEBHOOKS\n"
        "SENT.labels('console').inc(2)\n"
        "SENT.labels('audit').inc()\n"
        "WEBHOOKS.labels('delivered').inc(3)\n"
        "WEBHOOKS.labels('given_up').inc()\n"
    )
    read = (
        "import django; django.setup()\n"
        "from orders_project.metrics import counted_together\n"
        "print(counted_together('events_sent_total', 'sink'))\n"
        "print(counted_together('webhooks_sent_total', 'outcome'))\n"
        "from django.test import RequestFactory\n"
        "from orders_project.metrics_page import metrics\n"
        "print(metrics(RequestFactory().get('/metrics')).content.decode())"
    )
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "DEBUG": "1", "EMBEDDED_PG": "0"}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", sent], env=env, check=True)

    told = subprocess.run([sys.executable, "-c", read], env=env, check=True, capture_output=True, text=True).stdout

    sinks, outcomes, *page = told.splitlines()
    assert eval(sinks) == {"console": 4, "audit": 2}
    assert eval(outcomes) == {"delivered": 6, "given_up": 2}
    assert 'events_sent_total{sink="console"} 4.0' in page
    assert 'webhooks_sent_total{outcome="delivered"} 6.0' in page
