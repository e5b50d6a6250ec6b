"""What this process counts for Prometheus, and where all processes are counted together; `metrics_page` answers it."""

import os
from functools import cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

# Its `_count` is the number of requests: one metric to feed on the hot path instead of two.
_REQUESTS = Histogram(
    "http_request_duration_seconds",
    "Time to answer a request.",
    ["method", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0),
)
_REFUSALS = Counter("http_problems", "Requests refused or failed, by the problem's code.", ["route", "code"])
_PLACEMENTS = Counter("orders_placements", "Orders asked for, by what became of them.", ["outcome"])

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request; `route` is a route's name, never a path."""
    _requests(method if method in _METHODS else "OTHER", route, status // 100).observe(seconds)


@cache  # of the time of reading an order, looking it up by its labels took 2 %
def _requests(method: str, route: str, hundreds: int) -> Histogram:
    return _REQUESTS.labels(method, route, f"{hundreds}xx")


def count_refusal(route: str, code: str) -> None:
    """Count one problem answer."""
    _REFUSALS.labels(route, code).inc()


def count_placement(outcome: str, n: int = 1) -> None:
    """Count `n` orders that ended as `outcome`: `placed`, `replayed`, or the refusal's code."""
    _PLACEMENTS.labels(outcome).inc(n)


def counted() -> CollectorRegistry:
    """What all processes count that share PROMETHEUS_MULTIPROC_DIR; without it, what this one does."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    everyone = CollectorRegistry()
    MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
    return everyone


def counted_together(name: str, label: str) -> dict[str, int] | None:
    """A counter of all processes by one of its labels; None when nobody counts them together."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return None
    samples = (sample for family in counted().collect() for sample in family.samples if sample.name == name)
    return {sample.labels[label]: int(sample.value) for sample in samples}
