"""What is said to an inventory, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class ReservationState(StrEnum):
    HELD = "held"
    CONFIRMED = "confirmed"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Make the reservation exactly these lines.

    `lines` maps product id to units (each at least 1): one product stands once, so callers merge. `shipped` tells how
    many of them have left (each at least 1, and no more than the line's): they are neither on hand nor reserved.
    The same id, revision, lines and shipped units may be sent again: it is the same hold.
    """

    reservation_id: UUID
    lines: Mapping[str, int]
    revision: int = 1
    shipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """The stock is held. An order on this hold must be committed before `valid_until` (database clock).

    Later the sweeper may take the hold for abandoned. It is HOLD_GRACE_SECONDS / 2 after this request touched
    the hold. `joined` tells that an earlier request had made it.
    """

    reservation_id: UUID
    valid_until: datetime
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Reservation:
    """`shipped` says how many units of each line have left; None where the inventory does not keep that (version 1)."""

    reservation_id: UUID
    state: ReservationState
    revision: int
    lines: Mapping[str, int]
    updated_at: datetime
    shipped: Mapping[str, int] | None = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShortLine:
    product_id: str
    requested: int
    available: int
