"""One turn of one endpoint: what is due is sent to it, and what came of it is written, in one bounded transaction."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg

from events.cloudevents import envelope
from events.metrics import WEBHOOKS
from events.webhooks import queue
from events.webhooks.models import WebhookEndpoint
from events.webhooks.queue import Attempt, ClaimedEndpoint, DueDelivery
from events.webhooks.retrying import GONE, pause_before
from events.webhooks.sealing import Unreadable, unseal
from events.webhooks.sending import Answer, post
from events.webhooks.signing import signed_headers

logger = logging.getLogger(__name__)

# To one endpoint at once; to one that is down one request alone.
AT_ONCE = 16
_BATCH = 100
# After this long nothing more is begun, so that with the deadline of what was begun a turn ends within 20 seconds.
_BEGIN_SECONDS = 5.0

# As in the relay: a cut cable must free the turn, and a commit lost in a crash only means that something comes again.
_SETTINGS = """
set local statement_timeout = '5s';
set local lock_timeout = '4s';
set local idle_in_transaction_session_timeout = '40s';
set local synchronous_commit = off;
set local enable_seqscan = off;
set local enable_bitmapscan = off;
set local jit = off;
"""


def serve(connection: psycopg.Connection, endpoint_id: UUID, stop: threading.Event) -> Sequence[Answer] | None:
    """Send what is due to the endpoint; return what came of it: None when another worker serves it."""
    with connection.transaction():
        connection.execute(_SETTINGS)
        if not queue.take_turn(connection, endpoint_id):
            return None
        endpoint = queue.read_endpoint(connection, endpoint_id)
        if endpoint is None:
            return []
        due = queue.read_due(connection, endpoint, limit=1 if endpoint.down_rounds else _BATCH)
        attempts = _attempted(endpoint, due, stop)
        if not attempts:
            return []
        queue.settle(connection, endpoint, attempts)
        answers = [attempt.answer for attempt in attempts]
        worn_out = queue.settle_endpoint(connection, endpoint, answers)
        because = _why_disabled(answers, worn_out=worn_out)
        if because is not None:
            queue.disable(connection, endpoint, because=because)
    _tell(endpoint, attempts, because)
    return answers


def _attempted(endpoint: ClaimedEndpoint, due: Sequence[DueDelivery], stop: threading.Event) -> list[Attempt]:
    begin_until = time.monotonic() + _BEGIN_SECONDS

    def attempt(delivery: DueDelivery) -> tuple[DueDelivery, dict[str, str], Answer, float] | None:
        if stop.is_set() or time.monotonic() > begin_until:
            return None
        headers, answer = _sent(endpoint, delivery)
        return delivery, headers, answer, time.monotonic() - answer.seconds

    if len(due) > 1:
        with ThreadPoolExecutor(min(AT_ONCE, len(due)), thread_name_prefix="webhook") as threads:
            made = list(threads.map(attempt, due))
    else:
        made = [attempt(delivery) for delivery in due]
    ended = time.monotonic()
    return [
        Attempt(
            delivery,
            headers,
            answer,
            seconds=None if answer.delivered else pause_before(delivery.attempts + 1, answer),
            age=ended - began,
        )
        for delivery, headers, answer, began in filter(None, made)
    ]


def _sent(endpoint: ClaimedEndpoint, delivery: DueDelivery) -> tuple[dict[str, str], Answer]:
    body = envelope(delivery, api_version=endpoint.api_version)
    try:
        secrets = [unseal(sealed, endpoint_id=endpoint.id) for sealed in _live_secrets(endpoint)]
    except Unreadable as error:
        return {}, Answer(None, {}, "", str(error), "", 0.0)
    headers = {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "User-Agent": "order-service-webhooks",
        "Webhook-API-Version": endpoint.api_version,
        **signed_headers(delivery.id, body, timestamp=int(time.time()), secrets=secrets),
    }
    return headers, post(endpoint.url, headers=headers, body=body)


def _live_secrets(endpoint: ClaimedEndpoint) -> list[bytes]:
    if endpoint.two_live and endpoint.previous_secret is not None:
        return [endpoint.secret, endpoint.previous_secret]
    return [endpoint.secret]


def _why_disabled(answers: Sequence[Answer], *, worn_out: bool) -> WebhookEndpoint.Because | None:
    if any(answer.status == GONE for answer in answers):
        return WebhookEndpoint.Because.GONE
    return WebhookEndpoint.Because.FAILING if worn_out else None


def _tell(endpoint: ClaimedEndpoint, attempts: Sequence[Attempt], because: WebhookEndpoint.Because | None) -> None:
    about = {"endpoint_id": str(endpoint.id), "storefront_id": endpoint.storefront_id}
    for attempt in attempts:
        given_up = attempt.seconds is None
        outcome = "delivered" if attempt.answer.delivered else "given_up" if given_up else "failed"
        WEBHOOKS.labels(outcome).inc()
        if not attempt.answer.delivered:
            logger.warning(
                "Webhook is given up" if given_up else "Webhook failed and will be tried again",
                extra=about
                | {
                    "event_id": str(attempt.delivery.id),
                    "attempts": attempt.delivery.attempts + 1,
                    "status": attempt.answer.status,
                    "error": attempt.answer.error,
                },
            )
    if because is not None:
        logger.error(
            "Webhook endpoint is disabled: somebody has to look at it", extra=about | {"because": because.value}
        )
