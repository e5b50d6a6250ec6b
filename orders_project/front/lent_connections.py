"""Database connections that the threads of a worker pass on, so that there are as many as threads at work."""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from orders_project.idle_connections import close_ended_connections


class LentConnections:
    """A thread borrows a connection while it is at work, and gives it back; the last one used is the next one lent.

    `most_free` are kept of those that nobody uses.
    """

    def __init__(self, *, most_free: int) -> None:
        self._most_free = most_free
        self._free: list[BaseDatabaseWrapper] = []

    def borrow(self, *, amid_request: bool = False) -> None:
        """Give this thread a connection that another one has given back. Where there is none, Django makes one.

        Whether it has ended meanwhile is looked at when a request begins; `amid_request` nobody else does.
        """
        try:
            connection = connections[DEFAULT_DB_ALIAS] = self._free.pop()
        except IndexError:
            return
        if amid_request:
            connection.close_if_unusable_or_obsolete()
            close_ended_connections()

    def give_back(self) -> None:
        """Take this thread's connection, if it has one, for whoever is next."""
        for connection in connections.all(initialized_only=True):
            del connections[connection.alias]
            if connection.in_atomic_block:
                # Nobody else may find somebody's open transaction, which ends so.
                if connection.connection is not None:
                    connection.connection.close()
                continue
            if not connection.allow_thread_sharing:
                connection.inc_thread_sharing()
            if len(self._free) >= self._most_free:
                connection.close()
            self._free.append(connection)
