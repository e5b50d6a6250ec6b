"""Waiting for facts, and pauses that are over at once."""

from __future__ import annotations

import time
from collections.abc import Callable

from events.webhooks.models import WebhookDelivery, WebhookEndpoint

_PATIENCE_SECONDS = 60


def wait_until(fact: Callable[[], object], what: str) -> None:
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while not fact():
        assert time.monotonic() < give_up_at, f"It never came true that {what}."
        time.sleep(0.02)


def due_now() -> None:
    """As if every pause were over."""
    WebhookDelivery.objects.filter(state="pending").update(next_attempt_at="2026-11-01T00:00Z")
    WebhookEndpoint.objects.update(paused_until=None)
