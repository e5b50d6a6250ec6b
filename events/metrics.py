"""What a relay counts for Prometheus."""

from typing import Final

from prometheus_client import Counter

# A process that answers no scrapes tells this through PROMETHEUS_MULTIPROC_DIR, if it has one.
SENT: Final = Counter("events_sent", "Events that a sink has acknowledged, repeats included.", ["sink"])
WEBHOOKS: Final = Counter(
    "webhooks_sent",
    "Webhooks that were sent, to all endpoints together, by what came of it: delivered, failed, given_up.",
    ["outcome"],
)
