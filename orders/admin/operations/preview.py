"""What an operation would do, before it is done: from a rehearsal of the operation itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from orders.admin.display.account import account_of
from orders.admin.display.changes import FieldChange, Wording, instruction_in_words
from orders.admin.display.names import actors_in, names_of
from orders.operations import Rehearsal
from orders.reading.changes_between import changes_between
from orders.rules.balance import balance_of
from orders.rules.statuses import RefundState

_SUMS: Final = (
    ("items_amount", "Items", 1),
    ("shipping_amount", "Shipping", 1),
    ("tax_amount", "Tax", 1),
    ("discount_amount", "Discount", -1),
    ("total_amount", "Total", 1),
    ("credited_amount", "Credited", -1),
    ("due_amount", "Owed in all", 1),
)


class Sum(NamedTuple):
    """One of the order's amounts; `before` is empty where nothing would become of it."""

    label: str
    before: str
    after: str


class Preview(NamedTuple):
    """`stock` and `money` are differences, such as ("cup", "-2") and ("refunded", "+12.99 AUD").

    `sums` are what the order would come to, `balance` what would be still to be done about its money, as its
    page tells it, and `refunds` what would be refunded by it.
    """

    changes: list[FieldChange]
    stock: list[tuple[str, str]]
    money: list[tuple[str, str]]
    instructions: list[str]
    needs_stock: bool
    sums: list[Sum]
    balance: str
    refunds: list[str]


def preview_of(rehearsal: Rehearsal) -> Preview:
    before, after = rehearsal.before or {}, rehearsal.after or {}
    old, new = changes_between(before, after)
    words = Wording(after, *before.get("items", ()), names=names_of(actors_in([old, new])))
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
        sums=list(_sums(before, after, words)),
        balance=str(balance_of(account_of(after))) if after else "",
        refunds=[_refund(refund, words) for refund in _new_refunds(before, after)],
    )


def _sums(before: Mapping[str, Any], after: Mapping[str, Any], words: Wording) -> Iterator[Sum]:
    """Those that are something, or were."""
    for name, label, sign in _SUMS:
        was, is_now = before.get(name), after.get(name)
        if was or is_now or name == "total_amount":
            told = [words.money(None if amount is None else sign * amount) for amount in (was, is_now)]
            included = name == "tax_amount" and after.get("tax_included")
            yield Sum(f"{label}, included" if included else label, "" if was == is_now else told[0], told[1])


def _new_refunds(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    known = {refund["id"] for refund in before.get("refunds", ())}
    return (refund for refund in after.get("refunds", ()) if refund["id"] not in known)


def _refund(refund: Mapping[str, Any], words: Wording) -> str:
    waits = refund["state"] == RefundState.REQUESTED
    goodwill = f", of which {words.money(refund['goodwill_amount'])} are goodwill" if refund["goodwill_amount"] else ""
    how = " once somebody else has approved it" if waits else ""
    return f"{words.money(refund['amount'])} to be refunded{how}{goodwill}"
