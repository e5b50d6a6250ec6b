"""What belongs to one order, in memory."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from django.db.models import Model

from orders.models.credits import Credit
from orders.models.items import OrderItem
from orders.models.payments import PaymentRecord, Refund
from orders.models.returns import Return
from orders.models.shipments import Shipment

if TYPE_CHECKING:
    from orders.models.orders import Order


class Parts:
    """Each kind is loaded once, in the order of its ids (items: of their positions): a change of a part is seen by all
    who ask for it.

    Operations change parts here and say so; whoever saves the order writes what has been `added`, `changed` (by model,
    the columns of each row) and `removed`.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self.added: list[Model] = []
        self.changed: dict[Model, set[str]] = {}
        self.removed: list[Model] = []

    @cached_property
    def lines(self) -> list[OrderItem]:
        return list(self._order.items.all())

    @cached_property
    def parcels(self) -> list[Shipment]:
        return list(self._order.shipments.all())

    @cached_property
    def payments(self) -> list[PaymentRecord]:
        return list(self._order.payments.all()) if self._order.payment_count else []

    @cached_property
    def refunds(self) -> list[Refund]:
        return list(self._order.refunds.all())

    @cached_property
    def returns(self) -> list[Return]:
        return list(self._order.returns.all())

    @cached_property
    def credits(self) -> list[Credit]:
        return list(self._order.credits.all()) if self._order.credit_count else []

    def has(self, kind: str) -> bool:
        """Whether they are loaded."""
        return kind in self.__dict__

    def add(self, *rows: Model) -> None:
        """Rows that are to be inserted."""
        self.added.extend(rows)

    def change(self, row: Model, *columns: str) -> None:
        """Columns of a row that are to be written; of one that is new, all are."""
        if row not in self.added:
            self.changed.setdefault(row, set()).update(columns)

    def remove(self, *rows: Model) -> None:
        """Rows that are to be deleted; of those that are not there yet nothing is written."""
        for row in rows:
            if row in self.added:
                self.added.remove(row)
            else:
                self.removed.append(row)
