"""When to stop asking a service that does not work, and when to try again."""

from collections import deque
from collections.abc import Callable
from threading import Lock


class CircuitBreaker:
    """Opens when half of 20 or more calls in 10 seconds were faults; lets 3 probes through after 5 seconds.

    All probes well: closed again. One fault: open for another 5 seconds. A refusal (no stock, for instance)
    is a good answer, not a fault. Knows nothing of the network; `now` gives seconds that only grow.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        window_seconds: int = 10,
        min_calls: int = 20,
        fault_ratio: float = 0.5,
        open_seconds: float = 5.0,
        probes: int = 3,
    ) -> None:
        self._now = now
        self._window_seconds = window_seconds
        self._min_calls = min_calls
        self._fault_ratio = fault_ratio
        self._open_seconds = open_seconds
        self._probes = probes
        self._lock = Lock()
        self._seconds: deque[list[int]] = deque()  # [second, calls, faults] of the window
        self._open_until: float | None = None  # None: closed
        self._probes_sent = 0
        self._probes_well = 0

    def admit(self) -> float:
        """0.0 when a call may be made (then `record` its end), else the seconds to wait."""
        with self._lock:
            if self._open_until is None:
                return 0.0
            wait = self._open_until - self._now()
            if wait > 0:
                return wait
            if self._probes_sent >= self._probes:
                if wait > -self._open_seconds:
                    return 1.0
                # The probes' callers have vanished; others take their place.
                self._open_until = self._now()
                self._probes_sent = self._probes_well = 0
            self._probes_sent += 1
            return 0.0

    def record(self, *, fault: bool | None) -> None:
        """Tell how an admitted call ended; with None, that it tells nothing of the service."""
        with self._lock:
            if self._open_until is None:
                if fault is not None:
                    self._count(fault)
            elif self._now() < self._open_until:
                pass  # A call from before the opening: it is known already that the service does not work.
            elif fault is None:
                self._probes_sent = max(self._probes_sent - 1, self._probes_well)
            elif fault:
                self._open()
            else:
                self._probes_well += 1
                if self._probes_well >= self._probes:
                    self._open_until = None
                    self._seconds.clear()

    def _count(self, fault: bool) -> None:
        second = int(self._now())
        while self._seconds and self._seconds[0][0] <= second - self._window_seconds:
            self._seconds.popleft()
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0])
        self._seconds[-1][1] += 1
        self._seconds[-1][2] += fault
        if not fault:
            return
        calls = sum(entry[1] for entry in self._seconds)
        faults = sum(entry[2] for entry in self._seconds)
        if calls >= self._min_calls and faults >= calls * self._fault_ratio:
            self._open()

    def _open(self) -> None:
        self._open_until = self._now() + self._open_seconds
        self._probes_sent = self._probes_well = 0
