"""The relay: takes events from the queue to one sink, at least once, within each stream in order.

Any number of relays may run at once. Streams are spread over 64 buckets; a relay locks some buckets for one
bounded transaction, reads what is due in them, publishes, deletes what the sink acknowledged, and commits. If
it dies, its connection closes and the locks are free; what it had published but not deleted is published
again.
"""

import logging
import random
import threading
import time

import psycopg
from django.db import Error as DjangoDatabaseError
from django.db import connection as django_connection

from events import queue
from events.delivery import Delivery, Trust, deliver
from events.metrics import SENT
from events.models import BUCKETS
from events.pauses import Pauses
from events.sinks.protocol import Reject, Sink, SinkDown
from events.webhooks.erasing import Sent, not_erased_since

logger = logging.getLogger(__name__)

_ERASED_SINCE = "What the sink said of it is not kept: what it tells of a person was erased meanwhile."

# Under load a relay claims few buckets at a time, which leaves room for others. While a single claim of them
# all takes everything that waits, smaller ones would only be more work.
BUCKETS_UNDER_LOAD = 8
TRANSACTION_SECONDS = 10.0
IDLE_SECONDS = (0.005, 0.25)
# After a round that left nothing behind: a trickle is cheaper in handfuls.
GATHER_SECONDS = 0.025
SINK_DOWN_SECONDS = (0.1, 30.0)
DATABASE_DOWN_SECONDS = (0.1, 5.0)

MAX_ATTEMPTS = 12
RETRY_SECONDS = (1.0, 900.0)

# A cut cable must free the buckets within seconds, on the server's side as on ours. A commit lost in a crash only
# means that events come again, so it need not wait for the disk. The queue's size changes faster than the planner's
# statistics: plain index scans are right at any size, and only they clear away dead rows. All of it for the
# transaction alone: the session may be another's in the next moment, behind a pooler.
_KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
_SETTINGS = """
set local statement_timeout = '5s';
set local lock_timeout = '1s';
set local idle_in_transaction_session_timeout = '30s';
set local tcp_keepalives_idle = 5;
set local tcp_keepalives_interval = 2;
set local tcp_keepalives_count = 3;
set local synchronous_commit = off;
set local enable_seqscan = off;
set local enable_bitmapscan = off;
set local jit = off;
"""


class Relay:
    """Serves one sink. Not thread-safe: one thread, one database connection of its own."""

    def __init__(self, name: str, sink: Sink, *, batch: int = 500, personal: bool = False) -> None:
        """`name` is the sink's queue name; `batch` the most events in one transaction; `personal` whether the sink is
        told what tells of people.
        """
        self._name = name
        self._sink = sink
        self._batch = batch
        self._personal = personal
        self._sink_is_open = False
        self._trust = Trust()
        self._under_load = False
        self._connection: psycopg.Connection | None = None
        self.published = 0

    def run(self, stop: threading.Event) -> None:
        """Relay until `stop` is set; then finish the call of the sink that is under way, commit, and return.

        Outlives outages of the sink and the database: each is logged when it begins and when it ends.
        """
        idle = Pauses(*IDLE_SECONDS)
        sink_down = Pauses(*SINK_DOWN_SECONDS, jitter=True)
        database_down = Pauses(*DATABASE_DOWN_SECONDS, jitter=True)
        try:
            while not stop.is_set():
                try:
                    handled = self._go_round(stop)
                except SinkDown as error:
                    if not sink_down.under_way:
                        logger.warning("Sink is down, its events wait", extra=self._about(error))
                    self._close_sink()
                    stop.wait(sink_down.longer())
                except (psycopg.Error, DjangoDatabaseError, OSError, queue.QueueMismatch) as error:
                    if not database_down.under_way:
                        logger.warning("Relay has no database", extra=self._about(error))
                    self._close_connection()
                    stop.wait(database_down.longer())
                else:
                    if database_down.end():
                        logger.info("Relay has the database again", extra=self._about())
                    if not handled:
                        stop.wait(idle.longer())
                        continue
                    idle.end()
                    if sink_down.end():
                        logger.info("Sink is up again", extra=self._about())
                    if not self._under_load:
                        stop.wait(GATHER_SECONDS)
        finally:
            self.close()

    def drain(self, stop: threading.Event | None = None) -> int:
        """Relay until nothing is due that no other relay holds. Return how many events were published.

        Raises SinkDown, or the database's error.
        """
        stop = stop or threading.Event()
        before = self.published
        try:
            while not stop.is_set() and self._go_round(stop):
                pass
        finally:
            self.close()
        return self.published - before

    def close(self) -> None:
        self._close_sink()
        self._close_connection()

    def _go_round(self, stop: threading.Event) -> int:
        """Serve every bucket once; return how many events were tried."""
        if not self._sink_is_open:
            try:
                self._sink.open()
            except SinkDown:
                self._trust = Trust()
                raise
            self._sink_is_open = True
        ring = random.sample(range(BUCKETS), BUCKETS)
        step = BUCKETS_UNDER_LOAD if self._under_load else BUCKETS
        self._under_load = False
        handled = 0
        for start in range(0, BUCKETS, step):
            if stop.is_set():
                break
            handled += self._serve(ring[start : start + step], stop)
        return handled

    def _serve(self, buckets: list[int], stop: threading.Event) -> int:
        connection = self._connected()
        give_up_at = time.monotonic() + TRANSACTION_SECONDS
        with connection.transaction():
            connection.execute(_SETTINGS)
            claimed = queue.claim(connection, self._name, buckets)
            if not claimed:
                return 0
            due = queue.read_due(connection, self._name, claimed, batch=self._batch, personal=self._personal)
            if not due:
                return 0
            self._under_load = self._under_load or len(due) == self._batch
            delivery = deliver(
                self._sink,
                due,
                may_send=lambda: not stop.is_set() and time.monotonic() < give_up_at,
                trust=self._trust,
            )
            self._trust.learn(delivery)
            self._settle(connection, delivery)
        self.published += len(delivery.acknowledged)
        SENT.labels(self._name).inc(len(delivery.acknowledged))
        if delivery.down is not None:
            raise delivery.down
        return len(delivery.acknowledged) + len(delivery.failed)

    def _settle(self, connection: psycopg.Connection, delivery: Delivery) -> None:
        queue.remove(connection, [event.entry_id for event in delivery.acknowledged])
        failed = [Sent(event.id, event.stream_id, event.row_version) for event, _ in delivery.failed]
        as_sent = not_erased_since(connection, failed) if failed else frozenset()
        for event, outcome in delivery.failed:
            # A sink may quote what it was sent.
            error = outcome.error if event.id in as_sent else _ERASED_SINCE
            attempts = event.attempts + 1
            park = isinstance(outcome, Reject) or attempts >= MAX_ATTEMPTS
            queue.hold(
                connection,
                event.entry_id,
                seconds=None if park else retry_delay(attempts),
                error=error,
            )
            logger.log(
                logging.ERROR if park else logging.WARNING,
                "Event is parked, and with it its stream" if park else "Event failed and will be tried again",
                extra={
                    "sink": self._name,
                    "event_id": str(event.id),
                    "stream_id": str(event.stream_id),
                    "attempts": attempts,
                    "error": error,
                },
            )

    def _about(self, error: Exception | None = None) -> dict[str, str]:
        return {"sink": self._name} | ({"error": str(error).strip()} if error else {})

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            parameters = django_connection.get_connection_params() | _KEEPALIVES
            parameters["application_name"] = f"relay {self._name}"
            connection: psycopg.Connection = django_connection.get_new_connection(parameters)
            self._connection = connection
            connection.autocommit = True
            queue.ensure_buckets(connection, self._name)
        return self._connection

    def _close_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _close_sink(self) -> None:
        self._sink.close()
        self._sink_is_open = False


def retry_delay(attempts: int) -> float:
    """Seconds until the next attempt: half to all of 1, 2, 4 … 900. Twelve attempts span half an hour."""
    shortest, longest = RETRY_SECONDS
    doubled: float = shortest * 2 ** (attempts - 1)
    return min(longest, doubled) * random.uniform(0.5, 1.0)  # noqa: S311
