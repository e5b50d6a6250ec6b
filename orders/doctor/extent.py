"""How much of the data is examined."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.utils import timezone

from orders.rules.ids import time_floor

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Extent:
    """One storefront or all; all rows or those made since a moment. What is stuck is looked at whatever its age.

    `patience` is how long something may wait for a person before it counts as stuck.
    """

    storefront_id: int | None = None
    since: datetime | None = None
    patience: timedelta = timedelta(days=14)
    now: datetime = field(default_factory=timezone.now)

    @property
    def oldest_id(self) -> UUID | None:
        """Ids carry the time at which they were made; that of an imported order, when it was placed."""
        return None if self.since is None else time_floor(self.since)

    def of(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Those of the storefront."""
        return rows if self.storefront_id is None else rows.filter(storefront_id=self.storefront_id)
