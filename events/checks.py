import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from events.inbox.sources import build_source, enabled_sources
from events.sinks import build_sink, configured_sinks


def check_sinks(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[checks.CheckMessage]:
    """Orders would fail one by one if EVENT_SINKS could not be read; say so at the start instead."""
    try:
        sinks = configured_sinks()
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), hint="For example EVENT_SINKS=console,file:/path/of.ndjson", id="events.E001")]
    problems: list[checks.CheckMessage] = []
    for sink in sinks:
        try:
            build_sink(sink.name)
        except ImproperlyConfigured as error:
            problems.append(checks.Error(str(error), hint="See docs/events.md.", id="events.E002"))
        if sink.kind == "file" and (why := _why_unwritable(Path(sink.address))) is not None:
            problems.append(
                checks.Warning(  # no error: only the relay writes there, and it may run on another host
                    f"EVENT_SINKS names the file {sink.address!r}, which cannot be written here: {why}.",
                    hint="Make its folder and let the user of `manage.py relay_events` write to it, or name another "
                    "path.",
                    id="events.W001",
                )
            )
    return problems


def check_sources(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[checks.CheckMessage]:
    """Without this the consumer alone would tell, and what comes in would wait unseen."""
    try:
        names = enabled_sources()
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), hint="For example EVENT_SOURCES=sqs:URL", id="events.E003")]
    problems: list[checks.CheckMessage] = []
    for name in names:
        try:
            build_source(name)
        except ImproperlyConfigured as error:
            problems.append(checks.Error(str(error), hint="See docs/consuming.md.", id="events.E004"))
    return problems


def _why_unwritable(path: Path) -> str | None:
    if path.is_dir():
        return "it is a folder"
    if path.exists():
        return None if os.access(path, os.R_OK | os.W_OK) else "it is another user's"
    if not path.parent.is_dir():
        return "its folder is not there"
    return None if os.access(path.parent, os.W_OK | os.X_OK) else "its folder is another user's"
