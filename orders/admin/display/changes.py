"""What a change did to an order, in words: each field before and after, each part of a list by its name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from orders.admin.display.contents import contents_in_words, hold_label
from orders.admin.display.moments import moment
from orders.admin.display.names import NOBODY, Names
from orders.announcing.payloads import PERSONAL_FIELDS
from orders.rules.currencies import format_amount

_LONGEST_VALUE: Final = 200
# Lists of things with an id, and what one of them is called.
_PARTS: Final = {
    "items": "item",
    "shipments": "parcel",
    "payments": "payment",
    "credits": "credit",
    "refunds": "refund",
    "returns": "return",
    "holds": "hold",
}

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`personal` values are not told by events; the order itself has the present one."""

    name: str
    before: str
    after: str
    personal: bool = False


class Wording:
    """Words for one order: `document` is the order after the change, as the API shows it."""

    def __init__(self, document: Fields, *more_items: Fields, names: Names = NOBODY) -> None:
        """`more_items` are those the order has no longer, `names` what those are called who did something."""
        self._document, self._who = document, names
        self._currency: str | None = document.get("currency")
        items = [*more_items, *document.get("items", ())]
        self._names: dict[UUID, str] = {UUID(item["id"]): item.get("name") or item["product_id"] for item in items}

    def changes(self, changes: Mapping[str, Iterable[Any]]) -> Iterator[FieldChange]:
        """As an event has them: the values before and after by the field's name."""
        for name, (before, after) in sorted(changes.items()):
            if name in PERSONAL_FIELDS and before is None and after is None:
                yield FieldChange(name.replace("_", " "), "–", "–", personal=True)
            elif name in _PARTS:
                yield from self._parts(name, before or [], after or [])
            elif isinstance(before, Mapping) or isinstance(after, Mapping):
                yield from self._differing(name.replace("_", " "), before or {}, after or {})
            else:
                yield FieldChange(name.replace("_", " "), self._shown(name, before), self._shown(name, after))

    def money(self, amount: int | None) -> str:
        return format_amount(amount, self._currency)

    def _differing(self, whose: str, before: Fields, after: Fields) -> Iterator[FieldChange]:
        for name in {**before, **after}:
            if name != "id" and before.get(name) != after.get(name):
                shown = (self._shown(name, before.get(name)), self._shown(name, after.get(name)))
                yield FieldChange(f"{whose} {name.replace('_', ' ')}", *shown)

    def _parts(self, name: str, before: Iterable[Fields], after: Iterable[Fields]) -> Iterator[FieldChange]:
        known = {part["id"]: part for part in before}
        kept = {part["id"] for part in after}
        for part in known.values():
            if part["id"] not in kept:
                yield FieldChange(_PARTS[name], self._described(name, part), "–")
        for part in after:
            if part["id"] in known:
                yield from self._differing(self._called(name, part["id"]), known[part["id"]], part)
            else:
                yield FieldChange(_PARTS[name], "–", self._described(name, part))

    def _called(self, name: str, part_id: str) -> str:
        """A part that the order has, shortly."""
        part = next((part for part in self._document.get(name, ()) if part["id"] == part_id), None)
        word = _PARTS[name]
        match word, part:
            case "item", {}:
                return self._names[UUID(part_id)]
            case "parcel", {"tracking_number": str(number)}:
                return f"parcel {number}"
            case (("payment" | "refund"), {"amount": int(amount)}):
                return f"{word} of {self.money(amount)}"
        return word

    def _described(self, name: str, part: Fields) -> str:
        """All that matters of a part."""
        match name:
            case "items":
                price = f" at {self.money(part['unit_amount'])}" if part.get("unit_amount") is not None else ""
                words = [f"{part.get('quantity')} × {part.get('name') or part.get('product_id')}{price}"]
            case "shipments":
                tracked = " ".join(filter(None, (part.get("tracking_company"), part.get("tracking_number"))))
                words = [self._contents(part), tracked, "shipped" if part.get("shipped_at") else "not shipped yet"]
            case "payments":
                provider = " ".join(filter(None, (part.get("psp"), part.get("psp_reference"))))
                words = [f"{part.get('kind')} of {self.money(part.get('amount'))}", provider]
                words += ["late"] if part.get("late") else []
            case "credits":
                units = self._contents({"items": part["lines"]}) if part["lines"] else ""
                words = [self.money(part.get("amount")), str(part.get("cause")), units]
            case "refunds":
                words = [self.money(part.get("amount")), str(part.get("state")), self._by(part, "requested_by")]
            case "returns":
                words = [self._contents(part), str(part.get("cause")).replace("_", " "), str(part.get("state"))]
            case _:
                words = [hold_label(part), f"blocks {', '.join(part['blocks'])}"]
        return ", ".join(word for word in words if word)

    def _by(self, part: Fields, name: str) -> str:
        return f"by {self._who.of(str(part.get(name)))}"

    def _contents(self, part: Fields) -> str:
        """Units of items, as they stand in a parcel or a return."""
        lines = part.get("items") or []
        told = contents_in_words({UUID(line["item_id"]): line["quantity"] for line in lines}, self._names)
        received = [self._received(line) for line in lines if line.get("received")]
        return f"{told} ({'; '.join(received)})" if received else told

    def _received(self, line: Fields) -> str:
        name = self._names.get(UUID(line["item_id"]), "a removed item")
        back = "restocked" if line["restocked"] else "not restocked"
        return f"{line['received']} × {name} came back {line['condition']}, {back}"

    def _shown(self, name: str, value: Any) -> str:
        match value:
            case None | "" | [] | {}:
                text = "–"
            case bool():
                text = "yes" if value else "no"
            case int() if name == "amount" or name.endswith("_amount"):
                text = self.money(value)
            case str() if name.endswith(("_at", "_until")):
                return moment(datetime.fromisoformat(value))
            case str() if name.endswith("_by"):
                text = self._who.of(value)
            case str() if name in ("status", "payment_status", "cancel_reason", "cause", "state"):
                text = value.replace("_", " ")
            case str() | int():
                text = str(value)
            case [{"item_id": _}, *_]:
                text = self._contents({"items": value})
            case [str(), *_]:
                text = ", ".join(value)
            case _:
                text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"


def instruction_in_words(instruction: Fields) -> str:
    """What others are to do now: "refund 12.99 AUD of stripe ch_1 (25.98 AUD)"."""
    currency = instruction.get("currency")
    payments = [
        " ".join(filter(None, (payment.get("psp"), payment.get("psp_reference"))))
        + f" ({format_amount(payment.get('amount'), currency)})"
        for payment in instruction.get("payments") or ()
    ]
    of = f" of {', '.join(payments)}" if payments else ""
    return f"{str(instruction.get('kind')).replace('_', ' ')} {format_amount(instruction.get('amount'), currency)}{of}"
