"""What an operation leads to besides the order itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.model.order import ModelOrder
from tests.chaos.model.parts import Document, Refund

_EVENT_TYPES: Final = {"place": "order.created", "delete": "order.deleted", "restore": "order.restored"}


@dataclass
class Instruction:
    """What others are to do now: pay a refund out, or not, or void what was authorized."""

    more: Mapping[str, Any]
    refund: Refund | None = None
    kind: str = "refund"

    def shown(self) -> Document:
        """With the refund's id, which the service may have chosen only now."""
        if self.refund is None:
            return {"kind": "void", **self.more}  # unless it tells its own
        return {"kind": self.kind, "refund_id": self.refund.id, **self.more}


Instructions = list[Instruction]


@dataclass
class Told:
    """An event that must be in the log. `before` and `document` are the order before and after it."""

    order: ModelOrder
    operation: str
    by: str
    before: Document
    document: Document
    instructions: Sequence[Instruction] = ()

    @property
    def type(self) -> str:
        return _EVENT_TYPES.get(self.operation, "order.updated")


@dataclass
class Outcome:
    """An order as it is after an operation. Nothing is told when nothing has changed."""

    order: ModelOrder
    told: list[Told]
    money: dict[str, int] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
