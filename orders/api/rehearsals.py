"""The answer to `Prefer: dry-run`: what an operation would do."""

from __future__ import annotations

from typing import Any, Final

from orders.operations import Document, Rehearsal

_MONEY: Final = (
    "items_amount",
    "total_amount",
    "canceled_amount",
    "authorized_amount",
    "captured_amount",
    "refunded_amount",
    "charged_back_amount",
    "balance_amount",
)


def told(rehearsal: Rehearsal) -> dict[str, Any]:
    """The order afterwards, the events that would be sent, and what stock and money would gain or lose.

    `stock` counts reserved units by product, `money` minor units by the order's field.
    """
    return {
        "order": rehearsal.after,
        "events": [{"type": event.type, "data": event.data} for event in rehearsal.events],
        "stock": rehearsal.stock,
        "money": _difference(rehearsal.before or {}, rehearsal.after or {}),
    }


def _difference(before: Document, after: Document) -> dict[str, int]:
    differences = {name: (after.get(name) or 0) - (before.get(name) or 0) for name in _MONEY}
    return {name: amount for name, amount in differences.items() if amount}
