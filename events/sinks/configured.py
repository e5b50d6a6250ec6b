"""What EVENT_SINKS says: which sinks there are, where each leads, and which events it gets."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, urlencode

from django.core.exceptions import ImproperlyConfigured

# The kind of sink → what makes one of an address. Named, not imported: only the relay needs the vendors' clients.
SINKS: Final = {
    "console": "events.sinks.console.ConsoleSink",
    "eventbridge": "events.sinks.eventbridge.eventbridge_sink",
    "file": "events.sinks.ndjson_file.NdjsonFileSink",
    "kafka": "events.sinks.kafka.KafkaSink",
    "memory": "events.sinks.memory.MemorySink",
    "nats": "events.sinks.nats_jetstream.NatsJetStreamSink",
    "rabbitmq": "events.sinks.rabbitmq.RabbitMqSink",
    "redis": "events.sinks.redis_streams.RedisStreamsSink",
    "sns": "events.sinks.sns.sns_sink",
    "sqs": "events.sinks.sqs.sqs_sink",
}
# The vendors' URLs begin with the name of the protocol.
KINDS_OF_PROTOCOLS: Final = {
    "amqp": "rabbitmq",
    "amqps": "rabbitmq",
    "kafka": "kafka",
    "nats": "nats",
    "redis": "redis",
    "rediss": "redis",
}
_SPELLED: Final = (
    "console",
    "file:PATH",
    "amqp://…",
    "kafka://…",
    "nats://…",
    "redis://…",
    "sns:ARN",
    "sqs:URL",
    "eventbridge:ARN",
)
_WITHOUT_ADDRESS: Final = frozenset({"console", "memory"})
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?")
# In the query of any sink: only these events go there. Both can be given several times.
_FILTERS: Final = ("type", "storefront")
# Likewise, where the sink is to get what tells of people: contact, addresses, note, metadata, reasons.
_PERSONAL: Final = "personal"


@dataclass(frozen=True, slots=True)
class ConfiguredSink:
    """`name` is its queue's; `address` what it is made of. Without `types` or `storefronts` it gets all of them;
    `personal` says whether it gets what tells of people.
    """

    name: str
    kind: str
    address: str
    types: frozenset[str] = frozenset()
    storefronts: frozenset[str] = frozenset()
    personal: bool = False


@lru_cache(maxsize=16)
def configured(specifications: tuple[str, ...]) -> dict[str, ConfiguredSink]:
    """The sinks by name. Each is `KIND`, `KIND:ADDRESS` or a vendor's URL, with a name and `=` before it where there
    are several of one kind: `audit=file:/var/log/events.ndjson?type=order.deleted&storefront=au`.

    Raises ImproperlyConfigured.
    """
    sinks: dict[str, ConfiguredSink] = {}
    for specification in specifications:
        sink = _read(specification)
        if sink.name in sinks:
            raise ImproperlyConfigured(
                f"EVENT_SINKS names the sink {sink.name!r} twice; each sink has one queue. Name it once, or put "
                "another name before one of them, as in other=console."
            )
        sinks[sink.name] = sink
    return sinks


def _read(specification: str) -> ConfiguredSink:
    name, rest = name_in(specification, setting="EVENT_SINKS")
    protocol = re.split("[:?]", rest, maxsplit=1)[0]
    address = rest.removeprefix(protocol).removeprefix(":")
    kind = KINDS_OF_PROTOCOLS.get(protocol, protocol)
    is_url = protocol in KINDS_OF_PROTOCOLS and address.startswith("//")
    if kind not in SINKS or (kind in KINDS_OF_PROTOCOLS.values() and not is_url):
        raise ImproperlyConfigured(
            f"EVENT_SINKS names {without_password(specification)!r}, whose sink {protocol[:40]!r} is unknown. "
            f"There are: {', '.join(_SPELLED)}."
        )
    address, pairs = _without_our_options(rest if is_url else address)
    if kind == "file" and not address:
        raise ImproperlyConfigured("EVENT_SINKS names the sink 'file' without a path, as in file:/path/of.ndjson.")
    if kind in _WITHOUT_ADDRESS and address:
        raise ImproperlyConfigured(
            f"EVENT_SINKS names {specification!r}; the sink {kind!r} takes nothing behind a colon but ?type=, "
            "?storefront= and ?personal=1."
        )
    types, storefronts = (frozenset(value for key, value in pairs if key == wanted) for wanted in _FILTERS)
    asked = {value for key, value in pairs if key == _PERSONAL}
    if asked - {"0", "1"} or len(asked) > 1:
        raise ImproperlyConfigured(
            f"EVENT_SINKS names {without_password(specification)!r}; personal is 1, or 0 or left out."
        )
    return ConfiguredSink(name or kind, kind, address, types, storefronts, personal=asked == {"1"})


def name_in(specification: str, *, setting: str) -> tuple[str, str]:
    """The name before `=`, where that is no part of a query, and the rest. Raises ImproperlyConfigured."""
    name, mark, rest = specification.partition("=")
    if not mark or "?" in name or ":" in name:
        return "", specification
    if not _NAME.fullmatch(name):
        raise ImproperlyConfigured(
            f"{setting} has the name {name[:60]!r}. A name has up to 40 small letters, digits, - and _."
        )
    return name, rest


def _without_our_options(address: str) -> tuple[str, list[tuple[str, str]]]:
    """The address as its sink takes it, and what stood in its query for us."""
    path, _, query = address.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    ours = [(name, value) for name, value in pairs if name in (*_FILTERS, _PERSONAL)]
    kept = urlencode([pair for pair in pairs if pair not in ours])
    return (f"{path}?{kept}" if kept else path), ours


def without_password(specification: str) -> str:
    """Without what may be a password."""
    return re.sub(r"//[^@/]*@", "//…@", specification)[:200]


def options_in(query: str, *, known: Collection[str], besides: Collection[str] = _FILTERS) -> dict[str, str]:
    """A sink's or source's own options, from the query of its address. Raises ValueError for others; `besides` are
    those that have been taken out.
    """
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - set(known)):
        raise ValueError(f"{', '.join(unknown)} is no option; there are: {', '.join(sorted({*known, *besides}))}")
    return options
