"""What is counted of calls to other services, for Prometheus."""

from typing import Final

from prometheus_client import Counter, Histogram

# Of each try by itself. `refused` is a good answer; `busy` is no fault; `failed` counts for the circuit breaker.
TRIES: Final = Histogram(
    "remote_call_duration_seconds",
    "Time a try took to ask another service, by what came of it: answered, refused, busy, failed.",
    ["service", "outcome"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5),
)
NOT_MADE: Final = Counter(
    "remote_calls_not_made",
    "Calls to another service that were not made: breaker_open, too_many_at_once, no_time.",
    ["service", "reason"],
)
