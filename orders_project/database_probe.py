"""Asking the database something without ever waiting long for it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, TypeVar

from django.db import connection, transaction

STATEMENT_LIMIT_MS = 500

Answer = TypeVar("Answer")


class DatabaseProbe(Generic[Answer]):
    """Puts one question to the database in a thread of its own, over a new connection.

    A connection attempt can hang for minutes when a host has vanished. The question goes on in the background
    then, and those who ask again wait for that one instead of starting another.
    """

    def __init__(self, question: Callable[[], Answer]) -> None:
        self._question = question
        self._lock = threading.Lock()
        self._pending: Future[Answer] | None = None

    def ask(self, *, limit_seconds: float) -> Answer:
        """Return the answer. Raises TimeoutError after `limit_seconds`, else whatever the question raised."""
        with self._lock:
            if self._pending is None or self._pending.done():
                self._pending = Future()
                # A daemon: the process must be able to end while a connection attempt hangs.
                threading.Thread(target=self._run, args=(self._pending,), daemon=True).start()
            pending = self._pending
        return pending.result(timeout=limit_seconds)

    def _run(self, pending: Future[Answer]) -> None:
        try:
            answer = self._question()
        except BaseException as exc:
            connection.close()
            pending.set_exception(exc)
        else:
            connection.close()
            pending.set_result(answer)


@contextmanager
def limited(milliseconds: int = STATEMENT_LIMIT_MS) -> Iterator[None]:
    """A transaction of the question's, in which the server stops each statement after so long.

    Not for the session: behind a pooler that is somebody else's in the next moment.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select set_config('statement_timeout', %s, true)", [str(milliseconds)])
        yield
