"""What an operation would do, before it is done: from a rehearsal of the operation itself."""

from __future__ import annotations

from typing import NamedTuple

from orders.admin.display.changes import FieldChange, Wording, instruction_in_words
from orders.operations import Rehearsal
from orders.reading.changes_between import changes_between


class Preview(NamedTuple):
    """`stock` and `money` are differences, such as ("cup", "-2") and ("refunded", "+12.99 AUD")."""

    changes: list[FieldChange]
    stock: list[tuple[str, str]]
    money: list[tuple[str, str]]
    instructions: list[str]
    needs_stock: bool


def preview_of(rehearsal: Rehearsal) -> Preview:
    before, after = rehearsal.before or {}, rehearsal.after or {}
    old, new = changes_between(before, after)
    words = Wording(after, *before.get("items", ()))
    instructions = [found for event in rehearsal.events for found in event.data.get("instructions", ())]
    deleted = [
        FieldChange("deleted", "yes" if before_it else "no", "yes" if after_it else "no")
        for event in rehearsal.events
        for before_it, after_it in [event.data["changes"].get("deleted", (None, None))]
        if before_it != after_it
    ]
    return Preview(
        changes=[*deleted, *words.changes({name: (old[name], new[name]) for name in new})],
        stock=[(product, f"{units:+d}") for product, units in rehearsal.stock.items()],
        money=[
            (name.removesuffix("_amount").replace("_", " "), f"{'+' if amount > 0 else ''}{words.money(amount)}")
            for name, amount in rehearsal.money.items()
        ],
        instructions=[instruction_in_words(instruction) for instruction in instructions],
        needs_stock=any(units > 0 for units in rehearsal.stock.values()),
    )
