"""What many components are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

TEXT: Final = {"type": "string"}
TEXT_OR_NULL: Final = {"type": ["string", "null"]}
AMOUNT: Final = {"type": "integer", "description": "Minor units of the currency."}
AMOUNT_OR_NULL: Final = {"type": ["integer", "null"], "description": "Minor units of the currency."}
COUNT: Final = {"type": "integer", "minimum": 0}
UNITS: Final = {"type": "integer", "minimum": 1}
VERSION: Final = {"type": "integer", "minimum": 1}
FLAG: Final = {"type": "boolean"}
INSTANT: Final = {"type": "string", "format": "date-time"}
INSTANT_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}
UUID: Final = {"type": "string", "format": "uuid"}
UUID_OR_NULL: Final = {"type": ["string", "null"], "format": "uuid"}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def ref_or_null(name: str) -> dict[str, Any]:
    return {"oneOf": [ref(name), {"type": "null"}]}


def either(*names: str) -> dict[str, Any]:
    return {"oneOf": [ref(name) for name in names]}


def list_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


def object_of(
    properties: dict[str, Any], *, optional: Mapping[str, Any] | None = None, open_ended: bool = False
) -> dict[str, Any]:
    """Every property is always there, but for what is `optional`."""
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": open_ended,
    }
