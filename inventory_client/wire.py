"""The bodies of the HTTP contract (`openapi.yaml`), as client and reference server read and write them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec

from inventory_client.values import Reservation, ReservationState, ShortLine

JSON = "application/json"
PROBLEM = "application/problem+json"
# Sent with a 429 or 503: the call certainly had no effect.
EFFECT_HEADER = "Inventory-Effect"
# The code of a 503 that is about this call's reservation or products alone.
BUSY = "busy"

MAX_LINES = 1000
# Control characters, of which PostgreSQL cannot store NUL, and what else ends a line.
_CONTROL: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
# All blanks of Unicode, and what shows nothing: zero width, direction of text, byte order.
_UNSEEN: Final = rf"{_CONTROL} \xa0\xad\u061c\u1680\u2000-\u200f\u202a-\u202f\u205f\u2060\u2066-\u2069\u3000\ufeff"
# What others know a thing by: neither control characters nor, at its ends, anything unseen. So none looks like nothing,
# and no two differ by what nobody sees around them.
# Python's `$` would let a line break at the end pass, ECMAScript's would not: `(?!\n)` makes them agree.
IDENTIFIER_PATTERN: Final = rf"^[^{_UNSEEN}]([^{_CONTROL}]*[^{_UNSEEN}])?$(?!\n)"
IDENTIFIER_IN_WORDS: Final = "Expected neither control characters (such as a line break) nor blanks around it"
ProductId = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=IDENTIFIER_PATTERN)]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Revision = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class LineBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`shipped` is of version 2: left out where it is 0, so that what needs no more than version 1 is of version 1."""

    product_id: ProductId
    quantity: Quantity
    shipped: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0


class HoldBody(msgspec.Struct, forbid_unknown_fields=True):
    revision: Revision
    lines: Annotated[list[LineBody], msgspec.Meta(min_length=1, max_length=MAX_LINES)]


class StockLevelBody(msgspec.Struct, forbid_unknown_fields=True):
    on_hand: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class StockBody(msgspec.Struct):
    product_id: str
    on_hand: int
    reserved: int
    shipped: int


class AnsweredLine(msgspec.Struct):
    """Without `shipped` in the answer of a service that keeps version 1 of the contract."""

    product_id: str
    quantity: int
    shipped: int | None = None


class ReservationBody(msgspec.Struct):
    id: UUID
    state: ReservationState
    revision: int
    lines: list[AnsweredLine]
    updated_at: datetime

    @classmethod
    def of(cls, reservation: Reservation) -> "ReservationBody":
        return cls(
            id=reservation.reservation_id,
            state=reservation.state,
            revision=reservation.revision,
            lines=lines_of(reservation.lines, reservation.shipped or {}),
            updated_at=reservation.updated_at,
        )

    def value(self) -> Reservation:
        lines = {line.product_id: line.quantity for line in self.lines}
        told = {line.product_id: line.shipped for line in self.lines if line.shipped is not None}
        shipped = (
            {product_id: units for product_id, units in told.items() if units} if len(told) == len(lines) else None
        )
        return Reservation(self.id, self.state, self.revision, lines, self.updated_at, shipped)


class ReservationsBody(msgspec.Struct):
    reservations: list[ReservationBody]


class ProblemBody(msgspec.Struct, omit_defaults=True):
    """RFC 9457. `code` is stable; `lines`, `product_ids` and `state` come with the codes that need them."""

    status: int
    code: str
    title: str
    detail: str = ""
    lines: list[ShortLine] = []
    product_ids: list[str] = []
    state: str = ""


def lines_of(lines: Mapping[str, int], shipped: Mapping[str, int]) -> list[AnsweredLine]:
    return [
        AnsweredLine(product_id, quantity, shipped.get(product_id, 0)) for product_id, quantity in sorted(lines.items())
    ]
