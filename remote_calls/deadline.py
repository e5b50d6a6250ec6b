"""HTTP connections that end at a deadline, whatever the other side does.

A timeout of urllib3 (and of every client built on it) starts anew with each byte that arrives, so a server
that drips one byte at a time is never timed out. Here the time left is set before every single read.
"""

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError

# A host with more addresses than this would eat the whole deadline when all of them are dead.
MAX_ADDRESSES = 2


class Attempt:
    """One request under way: when it must have ended (time.monotonic), and whether any of it was sent."""

    __slots__ = ("connect_by", "deadline", "sent")

    def __init__(self, *, deadline: float, connect_by: float) -> None:
        self.deadline = deadline
        self.connect_by = min(connect_by, deadline)
        self.sent = False


_attempt: ContextVar[Attempt] = ContextVar("remote_attempt")


@contextmanager
def attempt(*, seconds: float, connect_seconds: float) -> Iterator[Attempt]:
    """Requests in this block, through the pools below, end within `seconds`, connecting in `connect_seconds`.

    Name resolution is the one wait that is not bounded: the C library offers no deadline for it.
    """
    now = time.monotonic()
    current = Attempt(deadline=now + seconds, connect_by=now + connect_seconds)
    token = _attempt.set(current)
    try:
        yield current
    finally:
        _attempt.reset(token)


def _time_left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("The deadline has passed.")
    return left


class _Reader(socket.SocketIO):
    """Reads of a response; `socket.SocketIO` keeps the socket open until it is closed itself."""

    _sock: socket.socket

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_time_left(_attempt.get().deadline))
        return super().readinto(buffer)


class _DeadlineSocket:
    """The socket (plain or TLS) as http.client uses it; only sending and reading know the deadline."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data: Any) -> None:
        current = _attempt.get()
        # One sendall is one timeout for all of its data (unlike a series of reads).
        self._sock.settimeout(_time_left(current.deadline))
        current.sent = True
        self._sock.sendall(data)

    def makefile(self, mode: str = "rb", *args: Any, **kwargs: Any) -> io.BufferedReader:
        # Counted as socket.makefile counts it, so that close() waits for the response to be read.
        self._sock._io_refs += 1
        return io.BufferedReader(_Reader(self._sock, "rb"))


def _connected(connection: HTTPConnection) -> socket.socket:
    host = connection._dns_host
    connect_by = _attempt.get().connect_by
    try:
        addresses = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)[:MAX_ADDRESSES]
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    failure: OSError = OSError("The name has no address.")
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(_time_left(connect_by))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise NewConnectionError(connection, f"Cannot connect: {failure}") from failure


class DeadlineConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _DeadlineSocket(self.sock)


class DeadlineTLSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)

    def connect(self) -> None:
        # OpenSSL's handshake as a whole keeps the timeout that the TCP connection left on the socket.
        super().connect()
        self.sock: Any = _DeadlineSocket(self.sock)


class DeadlinePool(HTTPConnectionPool):
    ConnectionCls = DeadlineConnection


class DeadlineTLSPool(HTTPSConnectionPool):
    ConnectionCls = DeadlineTLSConnection
