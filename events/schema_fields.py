"""A JSON Schema as a table for people: a row for each field, parts of objects below their object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple


class Field(NamedTuple):
    """`path` reads `order.items[].quantity`."""

    path: str
    type: str
    always: bool
    meaning: str


def fields_of(schema: dict[str, Any], *, prefix: str = "") -> Iterator[Field]:
    """Every field of an object's schema, in the order in which they stand there."""
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        yield Field(f"{prefix}{name}", _type_of(part), name in required, part.get("description", ""))
        yield from fields_of(part, prefix=f"{prefix}{name}.")
        if isinstance(part.get("items"), dict):
            yield from fields_of(part["items"], prefix=f"{prefix}{name}[].")


def _type_of(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return " | ".join("null" if value is None else str(value) for value in schema["enum"])
    types = schema.get("type", "anything")
    told = types if isinstance(types, str) else " | ".join(types)
    return f"{told} ({schema['format']})" if "format" in schema else told
