"""The JSON Schema (2020-12) of each event type's `data`."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import orjson
from django.conf import settings
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

_paths: dict[str, Path] = {}


class UnknownEventType(LookupError):
    """No schema is registered for the event type."""


class InvalidEvent(ValueError):
    """The event's data is not what its schema says."""


class TypedData(Protocol):
    """What can be validated: a new event as well as a stored one."""

    @property
    def type(self) -> str: ...

    @property
    def data(self) -> Mapping[str, Any]: ...


def register(event_type: str, path: Path) -> None:
    """Say where the schema of an event type lies; for AppConfig.ready(). The file is read on first use."""
    _paths[event_type] = path
    _document.cache_clear()
    _validator.cache_clear()


def registered_types() -> list[str]:
    return sorted(_paths)


def schema_for(event_type: str) -> dict[str, Any]:
    """The schema as a document. Raises UnknownEventType."""
    return _document(event_type)


def schema_url(event_type: str) -> str | None:
    """Where the schema is served; None when the type has none."""
    if event_type not in _paths:
        return None
    return f"{settings.EVENT_SCHEMA_BASE_URL.rstrip('/')}/{event_type}.json"


def validate(event: TypedData) -> None:
    """Raises InvalidEvent, which names the first thing wrong, or UnknownEventType."""
    # Through JSON and back: `data` may hold fragments that are JSON already.
    error = best_match(_validator(event.type).iter_errors(orjson.loads(orjson.dumps(event.data))))
    if error is not None:
        raise InvalidEvent(f"The data of {event.type} breaks its schema at {error.json_path}: {error.message}.")


@cache
def _document(event_type: str) -> dict[str, Any]:
    if event_type not in _paths:
        known = ", ".join(registered_types()) or "none"
        raise UnknownEventType(f"No schema is registered for event type {event_type!r}; registered: {known}.")
    document: dict[str, Any] = orjson.loads(_paths[event_type].read_bytes())
    return document


@cache
def _validator(event_type: str) -> Draft202012Validator:
    document = _document(event_type)
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)
