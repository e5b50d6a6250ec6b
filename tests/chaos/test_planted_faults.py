"""The audit notices what it is there for: each of these ways to relay events is known to lose or reorder them.

None of it is in the service; it is planted here, beside the same writers as in the fault run.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aio_pika import Message
from django.conf import settings as project
from django.db import connection, transaction
from django.utils import timezone
from psycopg import Connection, Cursor
from psycopg.rows import class_row

from events import outbox, queue
from events.cloudevents import envelope
from events.delivery import deliver
from events.models import OutboxEntry, WebhookDelivery
from events.outbox import NewEvent
from events.queue import DueEvent
from events.relay import Relay
from events.sinks.ndjson_file import NdjsonFileSink
from events.sinks.protocol import Ack, Outcome, OutgoingEvent, Sink
from events.sinks.rabbitmq import RabbitMqSink
from events.webhooks.endpoints import create_endpoint
from events.webhooks.worker import WebhookWorker
from orders.announcing.changes import Change
from orders.announcing.signals import order_changed
from orders.models import Order, Storefront
from tests.chaos.fault_run.audit import Audit, Told, audited, log
from tests.chaos.fault_run.brokers import FileBroker, RabbitQueue
from tests.chaos.fault_run.writers import Writers, open_shop
from tests.events.webhooks.receiving import receiver

pytestmark = pytest.mark.slow

RABBITMQ = "amqp://guest:guest@127.0.0.1:5672/"
_DUE = """
select o.id as entry_id, o.attempts, e.id, e.storefront_id, e.source, e.stream_id, e.sequence, e.type,
       e.occurred_at, e.actor, told.reason, e.request_id, e.trace, told.data::text as data
from events_outbox o join events_event e on e.id = o.event_id cross join lateral events_told(e, false) as told
where o.sink = %(sink)s and o.id > %(after)s
order by o.id limit 5
"""


class DistantFile(NdjsonFileSink):
    """It takes now longer, now shorter, as what is behind a network does."""

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        time.sleep(random.random() * 0.03)
        return super().publish(events)


class Planted(Relay):
    """A relay that claims no buckets: it publishes what `read` finds."""

    def read(self, connection: Connection) -> list[DueEvent]:
        raise NotImplementedError

    def due(self, connection: Connection, statement: str, after: int = 0) -> list[DueEvent]:
        with Cursor(connection, row_factory=class_row(DueEvent)) as cursor:
            return cursor.execute(statement, {"sink": self._name, "after": after}).fetchall()

    def _serve(self, buckets: list[int], stop: threading.Event) -> int:
        connection = self._connected()
        with connection.transaction():
            found = self.read(connection)
            delivery = deliver(self._sink, found, may_send=lambda: True, trust=self._trust)
            queue.remove(connection, [event.entry_id for event in delivery.acknowledged])
        self._under_load = bool(found)
        return len(delivery.acknowledged)


class LockingRows(Planted):
    def read(self, connection: Connection) -> list[DueEvent]:
        return self.due(connection, _DUE + " for update of o skip locked")


class KeepingCursor(Planted):
    """It goes on behind the highest id that it has read."""

    after = 0

    def read(self, connection: Connection) -> list[DueEvent]:
        found = self.due(connection, _DUE, self.after)
        self.after = max([self.after, *(event.entry_id for event in found)])
        return found


@pytest.fixture
def shop(database: None) -> Storefront:
    return open_shop()


@pytest.fixture
def file(settings: Any, tmp_path: Path) -> FileBroker:
    broker = FileBroker(tmp_path / "events.ndjson")
    settings.EVENT_SINKS = [broker.url]
    return broker


@contextmanager
def at_work(*relays: Relay | WebhookWorker) -> Iterator[None]:
    """Relays as threads of this process."""
    stop = threading.Event()
    threads = [threading.Thread(target=relay.run, args=(stop,)) for relay in relays]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def write(shop: Storefront, changes: int) -> None:
    with Writers(shop) as writers:
        _until(lambda: writers.changes >= changes)


@contextmanager
def relaying(kind: type[Relay], broker: FileBroker, *, relays: int) -> Iterator[None]:
    """At the end they go on for as long as they find something."""
    path = broker.url.removeprefix("file:")
    with at_work(*(kind("file", DistantFile(path)) for _ in range(relays))):
        yield
        size = -1
        while size != broker.size():
            size = broker.size()
            time.sleep(0.5)


def _until(fact: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 120
    while not fact():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def new_event(shop: Storefront) -> NewEvent:
    """The first of its stream."""
    return NewEvent(
        id=uuid4(),
        storefront_id=shop.pk,
        source=f"/storefronts/{shop.code}",
        stream_id=uuid4(),
        sequence=1,
        type="order.created",
        occurred_at=timezone.now(),
        actor="system:test",
    )


@contextmanager
def committed_late(shop: Storefront) -> Iterator[None]:
    """An event gets its place in the queue at the beginning, and is committed at the end."""
    has_its_place, end = threading.Event(), threading.Event()

    def write_it() -> None:
        try:
            with transaction.atomic():
                outbox.append([new_event(shop)])
                has_its_place.set()
                end.wait(120)
        finally:
            connection.close()

    thread = threading.Thread(target=write_it)
    thread.start()
    try:
        assert has_its_place.wait(60)
        yield
    finally:
        end.set()
        thread.join()


def test_none_of_it_is_noticed_of_the_relay_itself(shop: Storefront, file: FileBroker):
    with relaying(Relay, file, relays=3):
        write(shop, 200)

    assert audited(file.received(), log()).faults == 0


def test_row_locks_instead_of_buckets_are_noticed(shop: Storefront, file: FileBroker):
    """Whoever skips a locked event takes the next one of the same order."""
    write(shop, 200)
    with relaying(LockingRows, file, relays=3):
        pass

    audit = audited(file.received(), log())
    assert audit.overtaken > 0
    assert (audit.lost, audit.phantom) == (0, 0)


def test_a_cursor_over_ids_is_noticed(shop: Storefront, file: FileBroker):
    """What commits late with a lower id is never read."""
    with relaying(KeepingCursor, file, relays=1), committed_late(shop):
        outbox.append([new_event(shop)])
        _until(lambda: not OutboxEntry.objects.exists())  # none that can be seen

    audit = audited(file.received(), log())
    assert audit.lost == OutboxEntry.objects.count() == 1


def test_publishing_before_the_commit_is_noticed(shop: Storefront, file: FileBroker, settings: Any):
    """What is undone was told, and happened never."""
    sink, lock = NdjsonFileSink(file.url.removeprefix("file:")), threading.Lock()
    settings.EVENT_SINKS = []

    def publish(sender: type[Order], *, change: Change, **kwargs: Any) -> None:
        with lock:
            sink.publish([_outgoing(event) for event in change.events])

    order_changed.connect(publish)
    try:
        write(shop, 300)
    finally:
        order_changed.disconnect(publish)
        sink.close()

    audit = audited(file.received(), log())
    assert audit.phantom > 0
    assert audit.lost == 0


def _outgoing(event: NewEvent) -> OutgoingEvent:
    data = orjson.dumps(event.data).decode()
    told = {name: getattr(event, name) for name in DueEvent._fields if hasattr(event, name)} | {"data": data}
    body = envelope(DueEvent(entry_id=0, attempts=0, **told))
    return OutgoingEvent(event.id, event.storefront_id, event.source, event.stream_id, event.sequence, event.type, body)


class NotMandatory(RabbitMqSink):
    async def _publish_one(self, event: OutgoingEvent) -> Outcome:
        assert self._exchange is not None
        await self._exchange.publish(Message(event.body), routing_key=event.type, mandatory=False)
        return Ack()


@pytest.mark.brokers
@pytest.mark.parametrize(("kind", "loses"), [(NotMandatory, True), (RabbitMqSink, False)])
def test_events_that_rabbitmq_drops_for_want_of_a_queue_are_noticed(
    shop: Storefront, settings: Any, kind: type[RabbitMqSink], loses: bool
):
    try:
        socket.create_connection(("127.0.0.1", 5672), timeout=2).close()
    except OSError:
        pytest.skip("rabbitmq does not run on 127.0.0.1:5672")
    broker = RabbitQueue(RABBITMQ, f"test-{uuid4()}")
    settings.EVENT_SINKS = [broker.url]
    sink: Sink = kind(broker.url)
    broker.bind()
    broker.unbind()
    try:
        with at_work(Relay("rabbitmq", sink)):
            write(shop, 50)
            _until(lambda: not OutboxEntry.objects.filter(next_attempt_at=None, sequence=1).exists())
            broker.bind()
            write(shop, 50)
            OutboxEntry.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=None)
            _until(lambda: not OutboxEntry.objects.exists())
        audit = audited(broker.received(), log())
    finally:
        broker.remove()

    assert (audit.lost > 0) is loses
    assert audit.phantom == 0


def test_endpoints_from_a_cache_are_noticed(shop: Storefront, settings: Any):
    """An endpoint that is made meanwhile gets nothing of what follows."""
    settings.WEBHOOK_ALLOW_PRIVATE, settings.EVENT_SINKS = True, []

    assert _webhooks(shop).lost == 0
    with _endpoints_from_a_cache():
        assert _webhooks(shop).lost > 0


def _webhooks(shop: Storefront) -> Audit:
    """What an endpoint got that was made while orders change."""
    with receiver() as listening, at_work(WebhookWorker()):
        with Writers(shop) as writers:
            _until(lambda: writers.changes >= 20)
            endpoint, _ = create_endpoint(
                shop.pk, source="/storefronts/au", url=listening.url, by="staff:ann", ordered=True
            )
            with connection.cursor() as cursor:
                cursor.execute("select clock_timestamp()")
                (since,) = cursor.fetchone()
            _until(lambda: writers.changes >= 60)
        owed = log(since=since)
        waiting = WebhookDelivery.objects.filter(endpoint_id=endpoint.pk, state="pending")
        _until(lambda: not waiting.exists())
        received = [Told.read(each.body) for each in listening.received]
    return audited(received, log(), owed=owed)


@contextmanager
def _endpoints_from_a_cache() -> Iterator[None]:
    """As if every process had read once which endpoints there are."""
    source = (Path(project.BASE_DIR) / "events/sql/webhooks_enqueue.sql").read_text()
    with connection.cursor() as cursor:
        cursor.execute("create table known_endpoint as select id from events_webhook_endpoint")
        cursor.execute(
            source.replace("endpoint.deleted_at is null\n", "endpoint.id in (select id from known_endpoint)\n")
        )
        try:
            yield
        finally:
            cursor.execute(source)
            cursor.execute("drop table known_endpoint")
