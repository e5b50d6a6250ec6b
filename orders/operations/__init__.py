"""Every way an order comes to be or changes. API, back office, commands and consumers call these.

Only this package opens transactions on orders and locks their rows. No network call is made while one
is open.
"""

from orders.operations.changing import (
    Tracking,
    cancel_order,
    change_details,
    complete_order,
    confirm_order,
    delete_order,
    ship_order,
    track_shipment,
)
from orders.operations.expiring import expire_orders
from orders.operations.idempotency import Idempotency, Replay, StoredAnswer, forget_answers
from orders.operations.importing import ImportOutcome, ImportResult, import_orders, place_imported_orders
from orders.operations.inventory_upkeep import settle_orders, sweep_holds
from orders.operations.locked_order import Precondition
from orders.operations.placing import Outcome, Placed, Render, place_orders
from orders.operations.restoring import restore_order

__all__ = [
    "Idempotency",
    "ImportOutcome",
    "ImportResult",
    "Outcome",
    "Placed",
    "Precondition",
    "Render",
    "Replay",
    "StoredAnswer",
    "Tracking",
    "cancel_order",
    "change_details",
    "complete_order",
    "confirm_order",
    "delete_order",
    "expire_orders",
    "forget_answers",
    "import_orders",
    "place_imported_orders",
    "place_orders",
    "restore_order",
    "settle_orders",
    "ship_order",
    "sweep_holds",
    "track_shipment",
]
