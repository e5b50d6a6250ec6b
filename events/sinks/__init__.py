"""Which sinks are switched on."""

from typing import cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from events.sinks.configured import SINKS, ConfiguredSink, configured
from events.sinks.filtered import FilteredSink
from events.sinks.protocol import Sink


def enabled_sinks() -> list[str]:
    """Queue names of the sinks in settings.EVENT_SINKS, for example `["console", "file"]`.

    The queue name is the sink's own, else its kind: a file sink may move to another path and goes on where it was.
    Raises ImproperlyConfigured when a sink is unknown, stands there twice, or what is behind it cannot be right.
    """
    return list(_configured())


def configured_sinks() -> list[ConfiguredSink]:
    """The same, with where each leads. Raises ImproperlyConfigured."""
    return list(_configured().values())


def build_sink(name: str) -> Sink:
    """The enabled sink of that queue name, not opened yet.

    Raises KeyError when it is not enabled, ImproperlyConfigured when its address cannot be right or its client is not
    installed.
    """
    sink = _configured()[name]
    try:
        built = cast(Sink, import_string(SINKS[sink.kind])(sink.address))
    except ImportError as error:
        raise ImproperlyConfigured(
            f"The sink {name!r} of EVENT_SINKS needs a package that is not installed ({error}). "
            "Install the part `brokers` of requirements.txt."
        ) from error
    except ValueError as error:
        raise ImproperlyConfigured(
            f"The address of the sink {name!r} in EVENT_SINKS cannot be right: {error}."
        ) from error
    if sink.types or sink.storefronts:
        return FilteredSink(built, types=sink.types, storefronts=sink.storefronts)
    return built


def _configured() -> dict[str, ConfiguredSink]:
    return configured(tuple(settings.EVENT_SINKS))
