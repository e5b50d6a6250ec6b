"""What a change did to an order's document: each field before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# They change with every change, so they tell nothing.
STAMPS: Final = frozenset({"version", "updated_at"})
# Lists of things with an id: only what changed of them is told.
PARTS: Final = frozenset({"items", "shipments", "payments", "credits", "refunds", "returns", "holds"})

Fields = dict[str, Any]


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Fields, Fields]:
    """The fields that differ, with their values before and after.

    Of `items`, `shipments` … each part that differs is told with its id and the fields that do; a part
    that is new stands only in the second, one that is gone only in the first.
    """
    old: Fields = {}
    new: Fields = {}
    for name, value in after.items():
        if name in STAMPS or before[name] == value:
            continue
        old[name], new[name] = _parts(before[name], value) if name in PARTS else (before[name], value)
    return old, new


def _parts(before: list[Fields], after: list[Fields]) -> tuple[list[Fields], list[Fields]]:
    known = {part["id"]: part for part in before}
    kept = {part["id"] for part in after}
    old = [part for part in before if part["id"] not in kept]
    new = []
    for part in after:
        earlier = known.get(part["id"])
        if earlier is None:
            new.append(part)
        elif changed := [name for name in part if part[name] != earlier[name]]:
            old.append({"id": part["id"], **{name: earlier[name] for name in changed}})
            new.append({"id": part["id"], **{name: part[name] for name in changed}})
    return old, new
