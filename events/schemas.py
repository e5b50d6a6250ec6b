"""The JSON Schema (2020-12) of each event type's `data`, in each of its versions.

A version is `major.minor`. Minor ones only grow, so the newest takes what was written for those before it and stands in
their place. Of several major ones, what is stored is told in the form of that which is asked for.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson
from django.conf import settings
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

# Makes `data` of that form from what is stored, whichever form it was written in.
Reshape = Callable[[dict[str, Any]], dict[str, Any]]


class _Form(NamedTuple):
    minor: int
    path: Path
    reshape: Reshape | None


# Of each type, by major version.
_forms: dict[str, dict[int, _Form]] = {}


class UnknownEventType(LookupError):
    """No schema is registered for the event type, or none of that version."""


class InvalidEvent(ValueError):
    """The event's data is not what its schema says."""


class TypedData(Protocol):
    """What can be validated: a new event as well as a stored one."""

    @property
    def type(self) -> str: ...

    @property
    def data(self) -> Mapping[str, Any]: ...


def register(event_type: str, path: Path, *, version: str = "1.0", reshape: Reshape | None = None) -> None:
    """Say where the schema of an event type lies; for AppConfig.ready(). The file is read on first use.

    Without `reshape` that form is told as it is stored.
    """
    major, minor = _read(version)
    _forms.setdefault(event_type, {})[major] = _Form(minor, path, reshape)
    _forget_documents()


def forget(event_type: str) -> None:
    """For tests: the type has no schema any more."""
    del _forms[event_type]
    _forget_documents()


def registered_types() -> list[str]:
    return sorted(_forms)


def versions_of(event_type: str) -> list[str]:
    """The oldest first, of each major one the newest. Empty when the type has no schema."""
    return [f"{major}.{form.minor}" for major, form in sorted(_forms.get(event_type, {}).items())]


def schema_for(event_type: str, version: str | None = None) -> dict[str, Any]:
    """The schema as a document, the newest one unless a version is named. Raises UnknownEventType."""
    if version is None:
        return _document(event_type, max(_forms.get(event_type, {}), default=1))
    major, minor = _read(version)
    form = _forms.get(event_type, {}).get(major)
    if form is None or minor > form.minor:
        known = ", ".join(versions_of(event_type)) or "none"
        raise UnknownEventType(f"Event type {event_type!r} has no schema of version {version!r}; there are: {known}.")
    return _document(event_type, major)


def schema_url(event_type: str, *, api_version: str | None = None) -> str | None:
    """Where the schema of that form is served; None when the type has none."""
    major = _major_told(event_type, api_version)
    if major is None:
        return None
    version = f"{major}.{_forms[event_type][major].minor}"
    return f"{settings.EVENT_SCHEMA_BASE_URL.rstrip('/')}/{event_type}/{version}.json"


def reshaped(event_type: str, data: str, *, api_version: str | None = None) -> str:
    """What is stored, JSON text, in the form of an API version, such as `v1`; in the newest one unless it is named.

    Of a type that has no such form, in the last one before it, or else in its first.
    """
    major = _major_told(event_type, api_version)
    reshape = None if major is None else _forms[event_type][major].reshape
    return data if reshape is None else orjson.dumps(reshape(orjson.loads(data))).decode()


def _major_told(event_type: str, api_version: str | None) -> int | None:
    majors = _forms.get(event_type)
    if not majors:
        return None
    if api_version is None:
        return max(majors)
    pinned = int(api_version.removeprefix("v"))
    return max((major for major in majors if major <= pinned), default=min(majors))


def _read(version: str) -> tuple[int, int]:
    """Raises UnknownEventType for what is no version."""
    major, _, minor = version.partition(".")
    if not (major.isascii() and minor.isascii() and major.isdigit() and minor.isdigit() and len(version) < 10):
        raise UnknownEventType(f"{version!r} is no version of a schema; expected one such as 1.0.")
    return int(major), int(minor)


def validate(event: TypedData) -> None:
    """Raises InvalidEvent, which names the first thing wrong, or UnknownEventType."""
    # Through JSON and back: `data` may hold fragments that are JSON already.
    error = best_match(_validator(event.type).iter_errors(orjson.loads(orjson.dumps(event.data))))
    if error is not None:
        raise InvalidEvent(f"The data of {event.type} breaks its schema at {error.json_path}: {error.message}.")


@cache
def _document(event_type: str, major: int) -> dict[str, Any]:
    if event_type not in _forms:
        known = ", ".join(registered_types()) or "none"
        raise UnknownEventType(f"No schema is registered for event type {event_type!r}; registered: {known}.")
    document: dict[str, Any] = orjson.loads(_forms[event_type][major].path.read_bytes())
    return document


@cache
def _validator(event_type: str) -> Draft202012Validator:
    document = schema_for(event_type)
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _forget_documents() -> None:
    _document.cache_clear()
    _validator.cache_clear()
