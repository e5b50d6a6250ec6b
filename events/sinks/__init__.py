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
_WITHOUT_ADDRESS = frozenset({"console", "memory"})


def enabled_sinks() -> list[str]:
    """Queue names of the sinks in settings.EVENT_SINKS, for example `["console", "file"]`.

    The queue name is the scheme: a file sink may move to another path and goes on where it was.
    Raises ImproperlyConfigured when a scheme is unknown, stands there twice, or what is behind it cannot be right.
    """
    return list(_addresses(tuple(settings.EVENT_SINKS)))


def address_of(name: str) -> str:
    """What stands behind the colon in settings.EVENT_SINKS, such as a path. Raises KeyError when it is not enabled."""
    return _addresses(tuple(settings.EVENT_SINKS))[name]


def build_sink(name: str) -> Sink:
    """The enabled sink of that queue name, not opened yet. Raises KeyError when it is not enabled."""
    return cast(Sink, import_string(SINK_CLASSES[name])(address_of(name)))


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
        if name == "file" and not address:
            raise ImproperlyConfigured("EVENT_SINKS names the sink 'file' without a path, as in file:/path/of.ndjson.")
        if name in _WITHOUT_ADDRESS and address:
            raise ImproperlyConfigured(
                f"EVENT_SINKS names {specification!r}; the sink {name!r} takes nothing behind a colon."
            )
        addresses[name] = address
    return addresses
