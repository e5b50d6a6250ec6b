"""`manage.py webhooks` lists endpoints, and sends again."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from events.webhooks import redelivering
from events.webhooks.endpoints import disable_endpoint
from events.webhooks.models import WebhookDelivery

pytestmark = pytest.mark.usefixtures("database")

URL = "https://hooks.example.com/1"
HOUR_AGO = (timezone.now() - timedelta(hours=1)).isoformat()


def told(*arguments: object) -> str:
    report = io.StringIO()
    call_command("webhooks", *map(str, arguments), stdout=report, no_color=True)
    return report.getvalue()


def test_endpoints_are_listed(endpoint_at):
    first, _ = endpoint_at(URL)
    second, _ = endpoint_at("https://hooks.example.com/2")
    disable_endpoint(second.pk, by="staff:ann")

    assert told("list").splitlines() == [
        f"{first.pk}  au  {URL}  enabled",
        f"{second.pk}  au  https://hooks.example.com/2  disabled: by hand",
    ]


def test_what_was_given_up_is_sent_again_or_counted_first(endpoint_at, append_stream):
    endpoint, _ = endpoint_at(URL)
    append_stream(3)
    WebhookDelivery.objects.update(state="delivered")
    WebhookDelivery.objects.filter(sequence=2).update(state="failed")
    which = ("redeliver", endpoint.pk, "--since", HOUR_AGO)

    assert told(*which, "--dry-run") == f"3 events would be sent again to {URL}.\n"
    assert told(*which, "--only-failed", "--dry-run") == f"1 events would be sent again to {URL}.\n"
    assert told(*which, "--until", HOUR_AGO, "--dry-run") == f"0 events would be sent again to {URL}.\n"
    assert not WebhookDelivery.objects.pending().exists()
    assert told(*which, "--only-failed") == f"1 events are sent again to {URL}.\n"
    assert WebhookDelivery.objects.pending().get().sequence == 2
    assert told(*which) == f"3 events are sent again to {URL}.\n"


def test_more_than_is_done_at_once_is_said(endpoint_at, append_stream, monkeypatch):
    endpoint, _ = endpoint_at(URL)
    append_stream(3)
    monkeypatch.setattr(redelivering, "MOST_AT_ONCE", 2)

    said = told("redeliver", endpoint.pk, "--since", HOUR_AGO, "--dry-run").splitlines()

    assert said[0] == f"2 events would be sent again to {URL}."
    assert said[1].startswith(f"There are more: go on with --since {datetime.now(UTC):%Y-}")


def test_what_cannot_be_is_said_in_words(endpoint_at):
    endpoint, _ = endpoint_at(URL)
    disable_endpoint(endpoint.pk, by="staff:ann")

    with pytest.raises(CommandError, match=r"There is no endpoint .+\. `webhooks list` tells those there are\."):
        told("redeliver", uuid4(), "--since", HOUR_AGO)
    with pytest.raises(CommandError, match="The endpoint is disabled"):
        told("redeliver", endpoint.pk, "--since", HOUR_AGO)
    with pytest.raises(CommandError, match="'yesterday' is not a time with its offset"):
        told("redeliver", endpoint.pk, "--since", "yesterday")
