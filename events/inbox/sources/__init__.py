"""Which sources are switched on."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from events.inbox.sources.configured import SOURCE_CLASSES, ConfiguredSource, configured
from events.inbox.sources.protocol import Source


def enabled_sources() -> list[str]:
    """Names of the sources in settings.EVENT_SOURCES: a source's own, else its kind. Raises ImproperlyConfigured."""
    return list(_configured())


def build_source(name: str) -> Source:
    """The enabled source of that name, not opened yet.

    Raises KeyError when it is not enabled, ImproperlyConfigured when its address cannot be right or its client is not
    installed.
    """
    source = _configured()[name]
    try:
        return cast(Source, import_string(SOURCE_CLASSES[source.kind])(source.address))
    except ImportError as error:
        raise ImproperlyConfigured(
            f"The source {name!r} of EVENT_SOURCES needs a package that is not installed ({error}). "
            "Install the part `brokers` of requirements.txt."
        ) from error
    except ValueError as error:
        raise ImproperlyConfigured(
            f"The address of the source {name!r} in EVENT_SOURCES cannot be right: {error}."
        ) from error


def _configured() -> dict[str, ConfiguredSource]:
    return configured(tuple(settings.EVENT_SOURCES))
