"""Answers that need not be asked for again, for some seconds."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from customer_client.client import Standing

MOST_REMEMBERED: Final = 10_000


class RememberedAnswers:
    """Safe to use from many threads. `now` gives seconds that only grow; the oldest answer makes room for a new one."""

    def __init__(self, now: Callable[[], float], *, seconds: float, most: int = MOST_REMEMBERED) -> None:
        self._now = now
        self._seconds = seconds
        self._most = most
        self._lock = Lock()
        self._answers: OrderedDict[tuple[str, str], tuple[Standing, float]] = OrderedDict()

    def get(self, storefront: str, customer_id: str) -> Standing | None:
        with self._lock:
            standing, until = self._answers.get((storefront, customer_id), (None, 0.0))
            return standing if self._now() < until else None

    def put(self, storefront: str, customer_id: str, standing: Standing) -> None:
        with self._lock:
            self._answers.pop((storefront, customer_id), None)
            self._answers[storefront, customer_id] = standing, self._now() + self._seconds
            if len(self._answers) > self._most:
                self._answers.popitem(last=False)
