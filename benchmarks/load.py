"""A closed loop of HTTP requests: each connection sends its next request when the last is answered.

One process, no dependencies. Requests are made beforehand, because what this costs is taken from the
same cores as what it measures.
"""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle


@dataclass
class Measured:
    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @property
    def good(self) -> int:
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)

    @property
    def per_second(self) -> float:
        return self.good / self.seconds

    def percentile(self, part: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 if ordered else float("nan")


class _Connection:
    def __init__(self, address: tuple[str, int], requests: Iterator[bytes]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests = requests
        self.sent_at = 0.0
        self.received = b""

    def send(self) -> None:
        self.received = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(next(self.requests))

    def read(self) -> int | None:
        """The status once the whole answer is here."""
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError("The server closed a connection.")
        self.received = self.received + data if self.received else data
        body_at = self.received.find(b"\r\n\r\n") + 4
        if body_at < 4:
            return None
        if self.received[9:12] == b"204":  # without a body it tells no length
            return 204
        head = self.received[:body_at].lower()
        length_at = head.find(b"content-length: ") + 16
        length = int(head[length_at : head.index(b"\r", length_at)])
        return int(self.received[9:12]) if len(self.received) - body_at >= length else None


def run_once(address: tuple[str, int], requests: Sequence[bytes], *, connections: int) -> Counter[int]:
    """Send each request once; count the statuses of the answers."""
    statuses: Counter[int] = Counter()
    left = iter(requests)
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            connection = _Connection(address, left)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send()
        while selector.get_map():
            for key, _ in selector.select(timeout=10):
                status = key.data.read()
                if status is None:
                    continue
                statuses[status] += 1
                try:
                    key.data.send()
                except StopIteration:
                    selector.unregister(key.fileobj)
                    key.data.socket.close()
    return statuses


def run(address: tuple[str, int], requests: Sequence[bytes], *, connections: int, seconds: float) -> Measured:
    """Load the server for that long with the requests, over and over; each connection starts elsewhere in them."""
    measured = Measured()
    step = len(requests) // connections
    with selectors.DefaultSelector() as selector:
        opened = [
            _Connection(address, cycle([*requests[n * step :], *requests[: n * step]])) for n in range(connections)
        ]
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        started = time.perf_counter()
        ends = started + seconds
        for connection in opened:
            connection.send()
        waiting = connections
        while waiting:
            for key, _ in selector.select(timeout=10):
                connection = key.data
                status = connection.read()
                if status is None:
                    continue
                now = time.perf_counter()
                measured.statuses[status] += 1
                measured.latencies.append(now - connection.sent_at)
                if now < ends:
                    connection.send()
                else:
                    waiting -= 1
        measured.seconds = time.perf_counter() - started
        for connection in opened:
            connection.socket.close()
    return measured
