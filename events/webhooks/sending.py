"""One webhook, sent once: a POST to an address that was checked, over before a deadline whatever the other side does.

No connection is kept and no redirect followed. A socket's timeout starts anew with each byte that arrives, so the time
that is left is set before every single read: who drips one byte at a time is timed out like who says nothing.
"""

import io
import socket
import ssl
import time
from collections.abc import Mapping
from functools import cache
from http.client import BadStatusLine, HTTPConnection, HTTPException, HTTPResponse
from typing import Any, NamedTuple

from events.webhooks.addresses import Address, BadUrl, Target, addresses_of, target_of

DEADLINE_SECONDS = 15.0
CONNECT_SECONDS = 5.0
# Read of an answer at most, and kept of it. What tells somebody what was wrong is at its beginning.
READ_BYTES = 4096
KEPT_CHARACTERS = 1000
_KEPT_HEADERS = 30


class Answer(NamedTuple):
    """What came of it. Without a status the endpoint may have got it or not; `error` says what happened.

    What the endpoint said stands in `headers` and `body` alone, where an erasure looks for it.
    """

    status: int | None
    headers: dict[str, str]
    body: str
    error: str
    address: str
    seconds: float

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(url: str, *, headers: Mapping[str, str], body: bytes, seconds: float = DEADLINE_SECONDS) -> Answer:
    """Never raises for what is wrong with the endpoint: that is an answer too."""
    began = time.monotonic()
    until = began + seconds
    address = ""

    def answered(status: int | None, headers: dict[str, str], body: str, error: str) -> Answer:
        return Answer(status, headers, body, error, address, time.monotonic() - began)

    try:
        target = target_of(url)
        addresses = addresses_of(target, seconds=_left(until))
        connected, address = _connected(addresses, until)
        with (
            connected as plain,
            _secured(plain, target, until) as sock,
            _asked(sock, target, headers, body, until) as response,
        ):
            kept = response.getheaders()[:_KEPT_HEADERS]
            told = {name.lower()[:100]: _storable(value[:300]) for name, value in kept}
            return answered(response.status, told, _beginning(response), "")
    except TimeoutError as error:
        return answered(None, {}, "", str(error) if error.args[1:] == () and error.args else "It took too long")
    except (OSError, BadUrl) as error:
        return answered(None, {}, "", _storable(f"{type(error).__name__}: {error}"[:300]))
    except BadStatusLine as error:
        return answered(None, {}, _storable(str(error))[:KEPT_CHARACTERS], "The answer does not begin as HTTP does")
    except HTTPException as error:  # whose text may repeat what was read
        return answered(None, {}, "", f"{type(error).__name__}: the answer is not HTTP")


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("No answer in time")
    return left


def _connected(addresses: list[Address], until: float) -> tuple[socket.socket, str]:
    failure: OSError = OSError("There is no address")
    connect_by = min(until, time.monotonic() + CONNECT_SECONDS)
    for address in addresses:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            # Head and body are sent apart; the body is not to wait for the head's acknowledgement.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(_left(connect_by))
            sock.connect((address.ip, address.port))
        except TimeoutError:
            sock.close()
            failure = TimeoutError(f"{address.ip} did not let itself be connected to in time")
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock, address.ip
    raise failure


def _secured(sock: socket.socket, target: Target, until: float) -> socket.socket:
    """The handshake as a whole keeps the timeout that is set here. The certificate must be the name's."""
    if not target.tls:
        return sock
    sock.settimeout(_left(until))
    return _tls().wrap_socket(sock, server_hostname=target.host.strip("[]"))


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _asked(sock: socket.socket, target: Target, headers: Mapping[str, str], body: bytes, until: float) -> HTTPResponse:
    connection = HTTPConnection(target.host, target.port)
    connection.sock = _DeadlineSocket(sock, until)
    connection.request("POST", target.path, body, {"Host": target.authority, "Connection": "close", **headers})
    return connection.getresponse()


def _beginning(response: HTTPResponse) -> str:
    """Of the body, for the log. The status stands already: that the rest does not come changes nothing."""
    try:
        text = response.read(READ_BYTES)
    except (OSError, HTTPException):
        return ""
    return _storable(text.decode("utf-8", "replace"))[:KEPT_CHARACTERS]


def _storable(text: str) -> str:
    """What the other side said, in any part of its answer, as PostgreSQL can keep it."""
    return text.replace("\0", "\ufffd")


class _Reader(socket.SocketIO):
    def __init__(self, sock: socket.socket, until: float) -> None:
        super().__init__(sock, "rb")
        self._sock_of_ours = sock
        self._until = until

    def readinto(self, buffer: Any) -> int | None:
        self._sock_of_ours.settimeout(_left(self._until))
        return super().readinto(buffer)


class _DeadlineSocket:
    """The socket as http.client uses it."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        self._until = until

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._until))  # of all of it, over TLS too, unlike that of reads
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        self._sock._io_refs += 1  # type: ignore[attr-defined]  # as socket.makefile counts
        return io.BufferedReader(_Reader(self._sock, self._until))

    def close(self) -> None:
        """Whoever opened it closes it."""
