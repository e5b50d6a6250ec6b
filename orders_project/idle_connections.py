"""Database connections that were ended while nobody used them: noticed before a request does, not by its failing."""

import select
from typing import Any

from django.core.signals import request_started
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


def connect() -> None:
    """Look at the beginning of every request."""
    request_started.connect(close_ended_connections, dispatch_uid=close_ended_connections.__qualname__)


def disconnect() -> None:
    """Leave it to somebody else, who looks before each request as well."""
    request_started.disconnect(dispatch_uid=close_ended_connections.__qualname__)


def close_ended_connections(**kwargs: Any) -> None:
    """Close those of this thread that have ended."""
    for connection in connections.all(initialized_only=True):
        close_if_ended(connection)


def close_if_ended(connection: BaseDatabaseWrapper) -> None:
    """Close it where a pooler, a fail-over or the server has ended it; the next query opens another.

    It costs a look at the socket, some microseconds; CONN_HEALTH_CHECKS would cost every request a query.
    """
    if _has_ended(connection):
        connection.close()


def _has_ended(connection: BaseDatabaseWrapper) -> bool:
    if connection.connection is None or connection.in_atomic_block:
        return False
    if connection.connection.closed:
        return True
    # A server has nothing to say to a connection at rest, but that it ends it.
    look = select.poll()
    look.register(connection.connection.fileno(), select.POLLIN)
    return bool(look.poll(0))
