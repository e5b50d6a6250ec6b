"""Serves all endpoints, many at once, each with a turn of its own: a dead one takes its own turn and nobody else's.

Any number of workers may run. One that finds another at an endpoint goes on to the next.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import NamedTuple
from uuid import UUID

import psycopg
from django.db import Error as DjangoDatabaseError
from django.db import connection as django_connection

from events.webhooks.queue import due_endpoints
from events.webhooks.serving import serve

logger = logging.getLogger(__name__)

# Endpoints served at once. Those that did not answer the last time have turns of their own: however many are dead, and
# however long each keeps us waiting, they take none from those that answer. Who does not answer from now on, or slowly,
# makes room for the next after a second.
_ANSWERING_AT_ONCE = 8
_DOWN_AT_ONCE = 4
_SLOW_SECONDS = 1.0
_SLOW_AT_ONCE = 16
_KEPT_CONNECTIONS = 4
_IDLE_SECONDS = 0.25
# After a turn in which nothing could be sent, longer each time: all that is due waits for what is not, which takes the
# database 0.4 seconds to find of 100,000 events. While another worker has the turn always as short: that one may die.
_REST_SECONDS = (0.5, 5.0)
_DATABASE_DOWN_SECONDS = (0.25, 5.0)
_KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}


class WebhookWorker:
    """One for each process. Its turns are threads, each with a database connection while it lasts."""

    def __init__(self) -> None:
        self._connections = _Connections()
        self._turns = {
            False: ThreadPoolExecutor(_ANSWERING_AT_ONCE + _SLOW_AT_ONCE, thread_name_prefix="webhooks"),
            True: ThreadPoolExecutor(_DOWN_AT_ONCE, thread_name_prefix="webhooks-down"),
        }
        self._lock = threading.Lock()
        self._under_way: dict[UUID, _Turn] = {}
        self._rests: dict[UUID, _Rest] = {}
        self._something_ended = threading.Event()
        self.delivered = 0
        self.failed = 0

    def run(self, stop: threading.Event) -> None:
        """Send webhooks until `stop` is set; then finish what is under way and return. Outlives database outages."""
        shortest, longest = _DATABASE_DOWN_SECONDS
        pause = shortest
        try:
            while not stop.is_set():
                self._something_ended.clear()
                try:
                    self._begin_turns(stop)
                except (psycopg.Error, DjangoDatabaseError, OSError) as error:
                    if pause == shortest:
                        logger.warning("Webhooks have no database", extra={"error": str(error).strip()})
                    self._connections.close()
                    stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311
                    pause = min(longest, pause * 2)
                else:
                    pause = shortest
                    self._something_ended.wait(_IDLE_SECONDS)
        finally:
            self.close()

    def drain(self, stop: threading.Event | None = None) -> None:
        """Send until nothing is due that no other worker serves. Raises the database's error."""
        stop = stop or threading.Event()
        try:
            while not stop.is_set():
                self._something_ended.clear()
                if not self._begin_turns(stop) and not self._under_way:
                    break
                self._something_ended.wait(_IDLE_SECONDS)
        finally:
            self.close()

    def close(self) -> None:
        """Wait for the turns under way; the worker cannot be used afterwards."""
        for turns in self._turns.values():
            turns.shutdown()
        self._connections.close()

    def _begin_turns(self, stop: threading.Event) -> int:
        """Return how many were begun."""
        begun = 0
        with self._connections.one() as connection:
            due = due_endpoints(connection)
        random.shuffle(due)
        now = time.monotonic()
        for endpoint_id, down in due:
            with self._lock:
                if (
                    endpoint_id in self._under_way
                    or (endpoint_id in self._rests and self._rests[endpoint_id].until > now)
                    or not self._has_room(now, down=down)
                ):
                    continue
                self._under_way[endpoint_id] = _Turn(down, now)
            self._turns[down].submit(self._turn, endpoint_id, stop)
            begun += 1
        return begun

    def _has_room(self, now: float, *, down: bool) -> bool:
        like_it = [turn for turn in self._under_way.values() if turn.down == down]
        if down:
            return len(like_it) < _DOWN_AT_ONCE
        slow = sum(turn.began < now - _SLOW_SECONDS for turn in like_it)
        return len(like_it) - min(slow, _SLOW_AT_ONCE) < _ANSWERING_AT_ONCE

    def _turn(self, endpoint_id: UUID, stop: threading.Event) -> None:
        served = taken = False
        try:
            with self._connections.one() as connection:
                answers = serve(connection, endpoint_id, stop)
            taken, answers = answers is None, answers or ()
            delivered = sum(answer.delivered for answer in answers)
            with self._lock:
                self.delivered += delivered
                self.failed += len(answers) - delivered
            served = bool(answers)
        except (psycopg.Error, DjangoDatabaseError) as error:
            logger.warning(
                "A turn of webhooks has lost its database", extra={"endpoint_id": str(endpoint_id), "error": str(error)}
            )
        except Exception:
            logger.exception("A turn of webhooks crashed", extra={"endpoint_id": str(endpoint_id)})
        finally:
            with self._lock:
                del self._under_way[endpoint_id]
                last = self._rests.pop(endpoint_id, None)
                if not served:
                    self._rests[endpoint_id] = _Rest.after(None if taken else last)
            self._something_ended.set()


class _Turn(NamedTuple):
    down: bool
    began: float


class _Rest(NamedTuple):
    seconds: float
    until: float

    @classmethod
    def after(cls, last: _Rest | None) -> _Rest:
        shortest, longest = _REST_SECONDS
        seconds = shortest if last is None else min(longest, 2 * last.seconds)
        return cls(seconds, time.monotonic() + seconds)


class _Connections:
    """Of our own. The last one given back is the next one taken, so that few are open while few are needed."""

    def __init__(self) -> None:
        self._idle: LifoQueue[psycopg.Connection] = LifoQueue()

    @contextmanager
    def one(self) -> Iterator[psycopg.Connection]:
        connection = self._taken()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if self._idle.qsize() < _KEPT_CONNECTIONS:
            self._idle.put(connection)
        else:
            connection.close()

    def close(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _taken(self) -> psycopg.Connection:
        try:
            return self._idle.get_nowait()
        except Empty:
            parameters = django_connection.get_connection_params() | _KEEPALIVES
            parameters["application_name"] = "webhooks"
            connection: psycopg.Connection = django_connection.get_new_connection(parameters)
            connection.autocommit = True
            return connection
