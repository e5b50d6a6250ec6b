"""How far behind the relay is, as lines of which CloudWatch makes metrics (its embedded metric format)."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import orjson
from django.conf import settings
from django.db import Error, connection

from events.lag import SinkLag, relay_lag

EVERY_SECONDS: Final = 60.0
_METRICS: Final = [{"Name": "RelayLagSeconds", "Unit": "Seconds"}, {"Name": "ParkedEvents", "Unit": "Count"}]

logger = logging.getLogger(__name__)


class LagLines:
    """Writes them to standard output once a minute. Each relay tells of all sinks: who takes the greatest value that
    came in a minute has the right one, however many relays run.
    """

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. Without the database there are none: the relay itself logs that it is away."""
        while not stop.is_set():
            try:
                lags = relay_lag()
            except (Error, OSError) as error:
                logger.debug("No lines about lag", extra={"error": str(error).strip()})
            else:
                lines = lag_lines(settings.CLOUDWATCH_NAMESPACE, lags, milliseconds=time.time_ns() // 1_000_000)
                sys.stdout.write("".join(f"{line}\n" for line in lines))
                sys.stdout.flush()
            # Nobody may cut it while it would idle.
            connection.close()
            stop.wait(EVERY_SECONDS)


def lag_lines(namespace: str, lags: dict[str, SinkLag], *, milliseconds: int) -> Iterator[str]:
    """A line for each sink, and one without a dimension for all: the longest lag, and everything that is parked."""

    def line(dimensions: dict[str, str], lag: SinkLag) -> str:
        directive = {"Namespace": namespace, "Dimensions": [list(dimensions)], "Metrics": _METRICS}
        told: dict[str, Any] = {
            "_aws": {"Timestamp": milliseconds, "CloudWatchMetrics": [directive]},
            **dimensions,
            "RelayLagSeconds": round(lag.seconds, 3),
            "ParkedEvents": lag.parked,
        }
        return orjson.dumps(told).decode()

    for name, lag in sorted(lags.items()):
        yield line({"Sink": name}, lag)
    yield line(
        {}, SinkLag(max((lag.seconds for lag in lags.values()), default=0.0), sum(x.parked for x in lags.values()))
    )
