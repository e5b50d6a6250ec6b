"""Which sinks there are, and which are switched on."""

from functools import lru_cache
from typing import cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from events.sinks.protocol import Sink

# Scheme in settings.EVENT_SINKS → class. Named, not imported: only the relay needs the vendors' clients.
SINK_CLASSES = {
    "console": "events.sinks.console.ConsoleSink",
    "file": "events.sinks.ndjson_file.NdjsonFileSink",
    "memory": "events.sinks.memory.MemorySink",
}


def enabled_sinks() -> list[str]:
    """Queue names of the sinks in settings.EVENT_SINKS, for example `["console", "file"]`.

    The queue name is the scheme: a file sink may move to another path and goes on where it was.
    Raises ImproperlyConfigured when a scheme is unknown or stands there twice.
    """
    return list(_addresses(tuple(settings.EVENT_SINKS)))


def build_sink(name: str) -> Sink:
    """The enabled sink of that queue name, not opened yet. Raises KeyError when it is not enabled."""
    address = _addresses(tuple(settings.EVENT_SINKS))[name]
    return cast(Sink, import_string(SINK_CLASSES[name])(address))


@lru_cache(maxsize=16)
def _addresses(specifications: tuple[str, ...]) -> dict[str, str]:
    addresses: dict[str, str] = {}
    for specification in specifications:
        name, _, address = specification.partition(":")
        if name not in SINK_CLASSES:
            raise ImproperlyConfigured(
                f"EVENT_SINKS names {specification!r}, whose sink {name!r} is unknown. "
                f"Known sinks: {', '.join(sorted(SINK_CLASSES))}."
            )
        if name in addresses:
            raise ImproperlyConfigured(
                f"EVENT_SINKS names the sink {name!r} twice; each sink has one queue. Name it once."
            )
        addresses[name] = address
    return addresses
