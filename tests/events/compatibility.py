"""What a schema refuses that an earlier one took: where a consumer, or the log, would be surprised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FORMS = ("pattern", "format", "const", "multipleOf", "uniqueItems", "not", "oneOf", "allOf", "$ref")

Schema = dict[str, Any]


def narrowed(before: Schema, after: Schema, where: str = "$") -> Iterator[str]:
    """Each place where `after` has lost a property, or takes less than `before` did. Additions are fine."""
    if missing := _types(before) - _types(after):
        yield f"{where} is no longer of type {', '.join(sorted(missing))}"
    if "enum" in after and (lost := [value for value in before.get("enum", ["…"]) if value not in after["enum"]]):
        yield f"{where} no longer takes {', '.join(map(str, lost))}"
    for bound in _LOWER_BOUNDS:
        if bound in after and after[bound] > before.get(bound, float("-inf")):
            yield f"{where} has the {bound} {after[bound]}"
    for bound in _UPPER_BOUNDS:
        if bound in after and after[bound] < before.get(bound, float("inf")):
            yield f"{where} has the {bound} {after[bound]}"
    for form in _FORMS:
        if form in after and after[form] != before.get(form):
            yield f"{where} has another {form}"
    yield from _newly_required(before, after, where)
    yield from _parts_narrowed(before, after, where)


def _types(schema: Schema) -> set[str]:
    if "type" not in schema:
        return {"anything"} if not schema.keys() & {"const", "enum", "properties"} else set()
    types = schema["type"]
    return {types} if isinstance(types, str) else set(types)


def _newly_required(before: Schema, after: Schema, where: str) -> Iterator[str]:
    required = set(before.get("required", ()))
    for name in after.get("required", ()):
        if name not in required:
            yield f"{where}.{name} is required"
    # Alternatives of what is required: one of them was required before.
    if after.get("anyOf") != before.get("anyOf") and not any(
        choice.keys() == {"required"} and required.issuperset(choice["required"]) for choice in after.get("anyOf", [])
    ):
        yield f"{where} has another anyOf"


def _parts_narrowed(before: Schema, after: Schema, where: str) -> Iterator[str]:
    parts = after.get("properties", {})
    for name, part in before.get("properties", {}).items():
        if name in parts:
            yield from narrowed(part, parts[name], f"{where}.{name}")
        else:
            yield f"{where}.{name} is gone"
    for each in ("items", "additionalProperties"):
        old, new = before.get(each, True), after.get(each, True)
        if isinstance(new, dict):
            yield from narrowed(old if isinstance(old, dict) else {}, new, f"{where}[]")
        elif new is False and old is not False:
            yield f"{where} takes nothing else"
