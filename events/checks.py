from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from events.sinks import enabled_sinks


def check_sinks(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Orders would fail one by one if EVENT_SINKS could not be read; say so at the start instead."""
    try:
        enabled_sinks()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="For example EVENT_SINKS=console,file:/path/of.ndjson", id="events.E001")]
    return []
