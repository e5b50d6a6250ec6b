"""A closed loop of HTTP requests: each connection sends its next request when the last is answered.

One process, no dependencies. It costs some 50 µs of CPU a request, on the same cores as what it measures.
"""

import selectors
import socket
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


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
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return None
        length = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        return int(head[9:12]) if len(body) >= length else None


def run(
    address: tuple[str, int], make_requests: Callable[[int], Iterator[bytes]], *, connections: int, seconds: float
) -> Measured:
    """Load the server for that long; `make_requests(n)` gives the requests of connection n."""
    measured = Measured()
    with selectors.DefaultSelector() as selector:
        open_connections = [_Connection(address, make_requests(number)) for number in range(connections)]
        for connection in open_connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        started = time.perf_counter()
        ends = started + seconds
        for connection in open_connections:
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
        for connection in open_connections:
            connection.socket.close()
    return measured


def median(values: list[float]) -> float:
    return statistics.median(values)
