"""What an order is made of. The fields are those of its document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Document = dict[str, Any]
Asked = Mapping[str, Any]


class _New:
    """Equals every text: an id or a moment that the service chooses. `learn` puts the chosen one in its place."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str)

    def __hash__(self) -> int:
        return 0

    def __deepcopy__(self, memo: object) -> _New:
        return self

    def __repr__(self) -> str:
        return "NEW"


NEW: Final[Any] = _New()


def is_asked_for(part_id: str, asked_id: str) -> bool:
    """A part whose id nobody knows yet is asked for by none, though NEW equals whatever it is compared with."""
    return part_id is not NEW and part_id == asked_id


@dataclass
class Item:
    product_id: str
    name: str | None
    quantity: int
    unit_amount: int | None
    line: int | None = None  # what the line costs, where that was told
    discount_amount: int | None = None
    tax_amount: int | None = None
    id: str = NEW
    canceled: int = 0
    shipped: int = 0
    returned: int = 0
    restocked: int = 0

    @property
    def open(self) -> int:
        return self.quantity - self.canceled - self.shipped

    @property
    def line_amount(self) -> int | None:
        if self.line is not None or self.unit_amount is None:
            return self.line
        return self.quantity * self.unit_amount


@dataclass
class Parcel:
    """Without `shipped_at` it is being prepared; without items only its tracking is announced."""

    id: str = NEW
    items: list[Document] = field(default_factory=list)
    tracking_company: str | None = None
    tracking_number: str | None = None
    tracking_link: str | None = None
    packed_at: str | None = None
    shipped_at: str | None = None
    delivered_at: str | None = None

    @property
    def units(self) -> dict[str, int]:
        return {line["item_id"]: line["quantity"] for line in self.items}

    def fill(self, units: Mapping[str, int]) -> None:
        """The same units in another order are no change."""
        if self.units != units:
            self.items = [{"item_id": item_id, "quantity": quantity} for item_id, quantity in units.items()]


@dataclass
class Payment:
    kind: str
    amount: int
    currency: str | None
    psp: str
    psp_reference: str
    refund_id: str | None
    late: bool
    parent_reference: str | None = None
    corrects: str | None = None
    occurred_at: str = NEW
    id: str = NEW
    recorded_at: str = NEW


@dataclass
class Credit:
    """`for_refund` is the refund whose goodwill it is: its id may be chosen only now."""

    cause: str
    amount: int
    lines: list[Document] = field(default_factory=list)
    shipping_amount: int = 0
    return_id: str | None = None
    refund_id: str | None = None
    id: str = NEW
    created_at: str = NEW
    taken_back: bool = False


@dataclass
class Refund:
    amount: int
    requested_by: str
    goodwill_amount: int = 0
    settled_amount: int = 0
    return_id: str | None = None
    credit_id: str | None = None
    lines: list[Document] = field(default_factory=list)
    shipping_amount: int = 0
    state: str = "requested"
    id: str = NEW
    requested_at: str = NEW
    decided_by: str | None = None
    decided_at: str | None = None
    decided: str = "requested"  # whatever facts say

    def decide(self, state: str, by: str) -> None:
        self.state, self.decided, self.decided_by, self.decided_at = state, state, by, NEW

    @property
    def pending(self) -> bool:
        return self.state in ("requested", "approved")

    @property
    def agreed(self) -> bool:
        return self.state not in ("requested", "rejected")

    @property
    def waiting(self) -> bool:
        return self.state == "requested" or (self.state == "rejected" and self.settled_amount > 0)

    @property
    def open_amount(self) -> int:
        return max(0, self.amount - self.settled_amount) if self.pending else 0


@dataclass
class Return:
    cause: str
    items: list[Document]
    state: str = "requested"
    id: str = NEW
    requested_at: str = NEW
    decided_at: str | None = None
    received_at: str | None = None


@dataclass
class Hold:
    kind: str
    blocks: list[str]
    placed_by: str
    id: str = NEW
    placed_at: str = NEW
