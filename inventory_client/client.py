"""The InventoryService as the rest of the code sees it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from inventory_client.errors import InventoryError
from inventory_client.owning import Standing
from inventory_client.values import Held, HoldRequest, Reservation

HoldOutcome = Held | InventoryError


class InventoryClient(Protocol):
    """Holds stock. Never called while a transaction is open (each implementation refuses it)."""

    def hold(self, requests: Sequence[HoldRequest]) -> list[HoldOutcome]:
        """Hold each request's stock, each all or nothing; outcomes in the order of the requests.

        What of it has been shipped is neither on hand nor reserved any more. That is never refused for want of stock:
        only units that the reservation did not have before can be short.

        Refusals and failures are returned, not raised, so that one short order of a batch does not
        end the others. They are StockShortage, UnknownProduct, ReservationReleased,
        ReservationMismatch, InventoryUnavailable or OutcomeUnknown.
        """

    def confirm(self, reservation_id: UUID) -> None:
        """Make the hold permanent. Repeating is harmless.

        Raises ReservationNotHeld, InventoryUnavailable or OutcomeUnknown.
        """

    def release(self, reservation_id: UUID) -> None:
        """Give the stock back and leave a tombstone, also for an id never seen. Repeating is harmless.

        A confirmed reservation is released too, and what had been shipped of it is on hand again.
        Raises InventoryUnavailable or OutcomeUnknown.
        """

    def get(self, reservation_id: UUID) -> Reservation | None:
        """The reservation as the inventory knows it; None when it has not been seen (yet)."""

    def get_all(self, reservation_ids: Collection[UUID]) -> dict[UUID, Reservation]:
        """Those of them that the inventory knows, by id. The embedded ledger is asked once."""

    def changed_since(self, since: datetime, *, limit: int = 1000) -> list[Reservation]:
        """Reservations changed at or after `since`, oldest change first.

        More than `limit` come when several share the last one's time. A change becomes visible when it
        commits, up to some seconds after its time: ask again from a little earlier than the last time seen.
        """

    def untouched_holds(self, *, after: datetime, before: datetime, limit: int = 1000) -> list[tuple[UUID, datetime]]:
        """Holds this service asked for, last touched in (after, before], oldest first, with that time.

        More than `limit` come when several share the last one's time, so going on after that time skips none.
        The sweeper asks which of them have an order. Over HTTP, releases that failed half way are among them,
        whatever their time, until they succeed; the embedded ledger's releases cannot fail half way.
        """

    def release_untouched(self, reservation_id: UUID, *, before: datetime, unless: Standing = lambda: False) -> bool:
        """Release the hold unless somebody touched it after `before`; tell whether it is released now.

        `unless` is asked once nobody else owns the hold (see owning.py) and until it is released nobody can:
        whoever wrote an order on it has committed by then, or has not written it. Raises ReservationInUse when
        somebody owns it at this moment, InventoryUnavailable or OutcomeUnknown; look again then.
        """

    def release_ownerless(self, reservation_id: UUID, *, unless: Standing) -> bool:
        """Release it, held or confirmed and whenever it was touched; tell whether it is released now.

        `unless` is asked as `release_untouched` asks it. Raises ReservationInUse, InventoryUnavailable or
        OutcomeUnknown.
        """

    def forget_holds(self, *, before: datetime) -> int:
        """Drop what is kept of holds that ended, last touched before `before`; tell how many.

        The embedded ledger drops its tombstones, the HTTP client the journal of what it asked for. Choose
        `before` at least 48 hours ago (a delayed request might still arrive) and not after the point up to
        which `untouched_holds` has been worked off.
        """
