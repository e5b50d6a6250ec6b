"""The sockets this process serves at, which its web server has bound and does not show."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path


def bound_addresses() -> Iterator[str]:
    """The addresses they are bound to.

    A web server binds before it loads the application, so this sees what its command line, its environment and
    its configuration have come to.
    """
    for bound in _bound():
        host, *_ = bound.getsockname()
        yield host


def close_stalled_connections(*, seconds: float) -> None:
    """Have what is accepted from now on closed once nothing of an answer could be sent for so long (RFC 5482).

    Where a system knows no such time, as others than Linux, a connection whose client does not read stays until
    the client ends it.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        for bound in _bound():
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def _bound() -> Iterator[socket.socket]:
    """TCP sockets that have a port and are connected to nobody; each is closed when the next one is asked for."""
    for descriptor in _descriptors():
        try:
            bound = socket.socket(fileno=os.dup(descriptor))
        except OSError:
            continue
        with closing(bound):
            if bound.family in (socket.AF_INET, socket.AF_INET6) and bound.type == socket.SOCK_STREAM:
                _, port, *_ = bound.getsockname()
                if port and not _is_connected(bound):
                    yield bound


def _descriptors() -> list[int]:
    try:
        return [int(path.name) for path in Path("/dev/fd").iterdir()]
    except OSError:
        return []


def _is_connected(bound: socket.socket) -> bool:
    try:
        bound.getpeername()
    except OSError:
        return False
    return True
