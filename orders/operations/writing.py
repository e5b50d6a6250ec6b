"""The one statement that writes new orders whole, and what stands around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from django.db import connection

from events.outbox import NewEvent, as_rows
from events.sinks import enabled_sinks
from inventory_client.database import array_literal
from orders.announcing.changes import Change, Origin
from orders.announcing.payloads import ORDER_CREATED
from orders.announcing.signals import order_changed
from orders.models import Order, Storefront

_PLACE_SQL: Final = "select orders_place(%s::json, %s::json, %s::json, %s::text[], %s::json, %s::timestamptz)"

Row = Mapping[str, Any]


def announce_new(row: Row, document: Mapping[str, Any], *, storefront: Storefront, origin: Origin) -> list[NewEvent]:
    """Tell the receivers of an order that is about to be written; return what they put into the change."""
    change = Change(
        type=ORDER_CREATED,
        operation="place",
        order_id=row["id"],
        storefront_id=storefront.pk,
        storefront_code=storefront.code,
        version=1,
        occurred_at=row["updated_at"],
        document=document,
        origin=origin,
    )
    order_changed.send(sender=Order, change=change)
    return change.events


@dataclass(frozen=True, slots=True)
class NewRows:
    """All that is written for new orders: the rows' keys are named like the columns."""

    orders: Sequence[Row]
    items: Sequence[Row]
    events: Sequence[NewEvent]
    answers: Sequence[Row] = ()

    def parameters(self) -> list[Any]:
        """As the SQL functions take them."""
        return [
            _as_json(self.orders),
            _as_json(self.items),
            as_rows(self.events).decode(),
            array_literal(enabled_sinks()),
            _as_json(self.answers) if self.answers else None,
        ]


def write_new(rows: NewRows, *, valid_until: datetime | None = None) -> None:
    """Write all rows or none; none once `valid_until` has passed. Raises what the database raises."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACE_SQL, [*rows.parameters(), valid_until])


def _as_json(rows: Iterable[Row]) -> str:
    return orjson.dumps(list(rows)).decode()
