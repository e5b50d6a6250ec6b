"""What an inventory may refuse or fail to do. Nothing is held unless the class says so."""

from collections.abc import Sequence
from uuid import UUID

from inventory_client.values import ShortLine
from remote_calls.errors import RemoteFailure


class InventoryError(Exception):
    """Base of everything an inventory client raises."""


class StockShortage(InventoryError):
    """There is less than was asked for; nothing was held."""

    def __init__(self, lines: Sequence[ShortLine]) -> None:
        self.lines = list(lines)
        wanted = ", ".join(f"{line.product_id} ({line.requested} wanted, {line.available} available)" for line in lines)
        super().__init__(f"Not enough stock: {wanted}.")


class UnknownProduct(InventoryError):
    """The inventory does not keep these products; nothing was held."""

    def __init__(self, product_ids: Sequence[str]) -> None:
        self.product_ids = list(product_ids)
        super().__init__(f"Unknown products: {', '.join(product_ids)}.")


class ReservationReleased(InventoryError):
    """The reservation has ended and cannot hold again; another id is needed."""

    def __init__(self, reservation_id: UUID) -> None:
        self.reservation_id = reservation_id
        super().__init__(f"Reservation {reservation_id} has been released.")


class ReservationMismatch(InventoryError):
    """The reservation exists with other lines, or a later revision; it stays as it was."""

    def __init__(self, reservation_id: UUID) -> None:
        self.reservation_id = reservation_id
        super().__init__(f"Reservation {reservation_id} was made with other lines.")


class ReservationNotHeld(InventoryError):
    """The reservation is unknown or in a state that forbids the call (confirm after release, say)."""

    def __init__(self, reservation_id: UUID, state: str) -> None:
        self.reservation_id = reservation_id
        self.state = state
        super().__init__(f"Reservation {reservation_id} is {state}.")


class StockMiscounted(InventoryError):
    """More units were to be given back than are counted as reserved; nothing was done. They are to be counted anew."""

    def __init__(self) -> None:
        super().__init__(
            "The inventory counts fewer units as reserved than are to be given back. Where it is the ledger of this "
            "service, `manage.py reconcile_stock --repair` counts them anew."
        )


class InventoryUnavailable(InventoryError, RemoteFailure):
    """The inventory could not be asked: certainly no effect. `retry_after` is in seconds."""


class InventoryBusy(InventoryUnavailable):
    """Others hold the same rows for too long: a call for other reservations may well succeed."""


class ReservationInUse(InventoryBusy):
    """Somebody is writing an order on the reservation, or releasing it, at this moment: look again later."""

    def __init__(self, reservation_id: UUID) -> None:
        super().__init__(f"Reservation {reservation_id} is being used by somebody else.", retry_after=1.0)


class OutcomeUnknown(InventoryError, RemoteFailure):
    """The call may or may not have had its effect: only the same call again, or a release, is safe."""
