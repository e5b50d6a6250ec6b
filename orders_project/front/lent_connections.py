"""Database connections that the threads of a worker pass on, so that there are as many as threads at work."""

from __future__ import annotations

from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections, reset_queries
from django.db.backends.base.base import BaseDatabaseWrapper

from orders_project import idle_connections


class LentConnections:
    """A thread borrows a connection while it is at work, and gives it back; the last one used is the next one lent.

    `most_free` are kept of those that nobody uses. Whether one has ended, or is too old, is looked at when it is lent.
    """

    def __init__(self, *, most_free: int) -> None:
        self._most_free = most_free
        self._free: list[BaseDatabaseWrapper] = []

    def borrow(self) -> None:
        """Give this thread a connection that another one has given back. Where there is none, Django makes one."""
        try:
            connection = connections[DEFAULT_DB_ALIAS] = self._free.pop()
        except IndexError:
            return
        connection.close_if_unusable_or_obsolete()
        idle_connections.close_if_ended(connection)

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


def look_instead_of_django() -> None:
    """Have nobody look at a thread's connections when a request begins and ends: all are lent, and looked at then.

    Doing it twice more took a twentieth of the time of reading an order.
    """
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    idle_connections.disconnect()
    if not settings.DEBUG:  # else Django remembers every statement
        request_started.disconnect(reset_queries)
