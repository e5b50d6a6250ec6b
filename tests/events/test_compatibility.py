"""The check that guards the released schemas finds what it is there for."""

from typing import Any

import pytest

from tests.events.compatibility import narrowed

BEFORE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "kind": {"enum": ["refund", "void"]},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"amount": {"type": "integer"}}}},
    },
    "required": ["id"],
}


def with_properties(**properties):
    return {**BEFORE, "properties": {**BEFORE["properties"], **properties}}


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        with_properties(number={"type": "string"}),
        with_properties(id={"type": ["string", "null"]}),
        with_properties(kind={"enum": ["refund", "void", "withdraw_void"]}),
        {**BEFORE, "required": []},
        {**BEFORE, "required": [], "anyOf": [{"required": ["id"]}, {"required": ["link"]}]},
        {**BEFORE, "description": "Told anew."},
    ],
)
def test_additions_are_compatible(after):
    assert list(narrowed(BEFORE, after)) == []


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ({**BEFORE, "properties": {"id": {"type": "string"}}}, "$.note is gone"),
        (with_properties(note={"type": "string"}), "$.note is no longer of type null"),
        (with_properties(kind={"enum": ["refund"]}), "$.kind no longer takes void"),
        (with_properties(id={"type": "string", "maxLength": 5}), "$.id has the maxLength 5"),
        (with_properties(id={"type": "string", "minLength": 1}), "$.id has the minLength 1"),
        (with_properties(id={"type": "string", "format": "uuid"}), "$.id has another format"),
        ({**BEFORE, "required": ["id", "note"]}, "$.note is required"),
        ({**BEFORE, "anyOf": [{"required": ["note"]}]}, "$ has another anyOf"),
        ({**BEFORE, "additionalProperties": False}, "$ takes nothing else"),
        (
            with_properties(lines={"type": "array", "items": {"type": "object", "properties": {}}}),
            "$.lines[].amount is gone",
        ),
        (
            with_properties(
                lines={
                    "type": "array",
                    "items": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "integer"}}},
                }
            ),
            "$.lines[].amount is required",
        ),
    ],
)
def test_what_takes_less_is_not(after, found):
    assert found in list(narrowed(BEFORE, after))
