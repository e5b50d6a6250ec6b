"""The consumer: takes messages from one source into the inbox, and handles what is due there.

Any number may run at once. A message is stored, committed, and only then acknowledged; whatever dies in between makes
the broker bring it again, and the inbox knows it by its id.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection

from events.inbox.handling import handle_due
from events.inbox.models import IncomingEvent
from events.inbox.receiving import store
from events.inbox.sources.protocol import Source, SourceDown
from events.pauses import Pauses

logger = logging.getLogger(__name__)

BATCH: Final = 100
# How long a source waits for a message: so long may a stop take, and an event that is due again.
WAIT_SECONDS: Final = 1.0
_SOURCE_DOWN_SECONDS: Final = (0.1, 30.0)
_DATABASE_DOWN_SECONDS: Final = (0.1, 5.0)


class Consumer:
    """Serves one source, or none: then it only handles what is due. Not thread-safe: one thread, which has its own
    connection to the database.
    """

    def __init__(self, name: str, source: Source | None) -> None:
        self._name = name
        self._source = source
        self._is_open = False
        self._source_down = Pauses(*_SOURCE_DOWN_SECONDS, jitter=True)
        self._next_opening = 0.0
        self._interrupted: list[IncomingEvent] = []  # whose tries an outage of the database has ended
        self.stored = 0
        self.tried = 0

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set; then finish the event that is being handled, and return.

        Outlives outages of the source and the database: each is logged when it begins and when it ends.
        """
        database_down = Pauses(*_DATABASE_DOWN_SECONDS, jitter=True)
        try:
            while not stop.is_set():
                try:
                    self._go_round(stop, seconds=WAIT_SECONDS)
                except (DatabaseError, OSError) as error:
                    if not database_down.under_way:
                        logger.warning("Consumer has no database", extra=self._about(error))
                    self._close_source()  # so that what was received and not stored comes again
                    connection.close()
                    stop.wait(database_down.longer())
                else:
                    if database_down.end():
                        logger.info("Consumer has the database again", extra=self._about())
        finally:
            self.close()

    def drain(self, stop: threading.Event | None = None) -> None:
        """Consume until the source has nothing more and nothing is due. Raises SourceDown, or the database's error."""
        stop = stop or threading.Event()
        try:
            while not stop.is_set():
                if not self._receive(seconds=WAIT_SECONDS) and not self._handle(stop):
                    return
        finally:
            self.close()

    def close(self) -> None:
        self._close_source()
        connection.close()

    def _go_round(self, stop: threading.Event, *, seconds: float) -> None:
        """Receive a batch and handle one. While there is more to handle than that, none is waited for."""
        if not self._receive_if_up(seconds=seconds):
            stop.wait(seconds)
        while self._handle(stop) == BATCH and not stop.is_set():
            pass

    def _receive_if_up(self, *, seconds: float) -> bool:
        """Whether the source was there to be waited for."""
        if self._source is None or time.monotonic() < self._next_opening:
            return False
        try:
            self._receive(seconds=seconds)
        except SourceDown as error:
            if not self._source_down.under_way:
                logger.warning("Source is down", extra=self._about(error))
            self._close_source()
            self._next_opening = time.monotonic() + self._source_down.longer()
            return False
        if self._source_down.end():
            logger.info("Source is up again", extra=self._about())
        return True

    def _receive(self, *, seconds: float) -> int:
        """How many messages came; they are stored and acknowledged."""
        if self._source is None:
            return 0
        if not self._is_open:
            self._source.open()
            self._is_open = True
        messages = self._source.receive(limit=BATCH, seconds=seconds)
        if messages:
            self.stored += store([message.body for message in messages], came_by=self._name)
            self._source.acknowledge(messages)
        return len(messages)

    def _handle(self, stop: threading.Event) -> int:
        tried = handle_due(may_go_on=lambda: not stop.is_set(), most=BATCH, interrupted=self._interrupted)
        self.tried += tried
        return tried

    def _close_source(self) -> None:
        if self._source is not None:
            self._source.close()
            self._is_open = False

    def _about(self, error: Exception | None = None) -> dict[str, str]:
        return {"source": self._name} | ({"error": str(error).strip()} if error else {})
