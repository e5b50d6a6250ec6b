"""What EVENT_SOURCES says: which sources there are, and where each leads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.core.exceptions import ImproperlyConfigured

from events.sinks.configured import KINDS_OF_PROTOCOLS, name_in, without_password

# The kind of source → its class. Named, not imported: only the consumer needs the vendors' clients.
SOURCE_CLASSES: Final = {
    "kafka": "events.inbox.sources.kafka.KafkaSource",
    "memory": "events.inbox.sources.memory.MemorySource",
    "nats": "events.inbox.sources.nats_jetstream.NatsJetStreamSource",
    "rabbitmq": "events.inbox.sources.rabbitmq.RabbitMqSource",
    "redis": "events.inbox.sources.redis_streams.RedisStreamsSource",
    "sqs": "events.inbox.sources.sqs.SqsSource",
}
_SPELLED: Final = ("amqp://…", "kafka://…", "nats://…", "redis://…", "sqs:URL")


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """`address` is what its class takes."""

    name: str
    kind: str
    address: str


@lru_cache(maxsize=16)
def configured(specifications: tuple[str, ...]) -> dict[str, ConfiguredSource]:
    """The sources by name. Each is a vendor's URL or `sqs:URL`, with a name and `=` before it where there are several
    of one kind: `payments=amqp://broker/?queue=payments`.

    Raises ImproperlyConfigured.
    """
    sources: dict[str, ConfiguredSource] = {}
    for specification in specifications:
        source = _read(specification)
        if source.name in sources:
            raise ImproperlyConfigured(
                f"EVENT_SOURCES names the source {source.name!r} twice. Name it once, or put another name before one "
                "of them, as in payments=amqp://…"
            )
        sources[source.name] = source
    return sources


def _read(specification: str) -> ConfiguredSource:
    name, rest = name_in(specification, setting="EVENT_SOURCES")
    protocol, _, address = rest.partition(":")
    kind = KINDS_OF_PROTOCOLS.get(protocol, protocol)
    is_url = protocol in KINDS_OF_PROTOCOLS and address.startswith("//")
    if kind not in SOURCE_CLASSES or (kind in KINDS_OF_PROTOCOLS.values() and not is_url):
        raise ImproperlyConfigured(
            f"EVENT_SOURCES names {without_password(specification)!r}, whose source {protocol[:40]!r} is unknown. "
            f"There are: {', '.join(_SPELLED)}."
        )
    return ConfiguredSource(name or kind, kind, rest if is_url else address)
