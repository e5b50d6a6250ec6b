"""Every way an order comes to be or changes. API, back office, commands and consumers call these.

Only this package opens transactions on orders and locks their rows. No network call is made while one
is open.
"""

from orders.operations.abandoned_holds import sweep_holds
from orders.operations.call import ANY_VERSION, Call, Document, PaymentKey, Precondition, Rehearsal
from orders.operations.due_orders import complete_orders, expire_orders
from orders.operations.idempotency import Idempotency, Replay, StoredAnswer, forget_answers
from orders.operations.importing import import_orders, rehearse_import
from orders.operations.known_orders import ImportOutcome, ImportResult
from orders.operations.performing import PERFORMERS, perform, perform_in_turn, perform_together, perform_within
from orders.operations.placing import Outcome, Placed, Render, place_orders
from orders.operations.placing_imported import place_imported_orders
from orders.operations.settling import settle_orders

__all__ = [
    "ANY_VERSION",
    "PERFORMERS",
    "Call",
    "Document",
    "Idempotency",
    "ImportOutcome",
    "ImportResult",
    "Outcome",
    "PaymentKey",
    "Placed",
    "Precondition",
    "Rehearsal",
    "Render",
    "Replay",
    "StoredAnswer",
    "complete_orders",
    "expire_orders",
    "forget_answers",
    "import_orders",
    "perform",
    "perform_in_turn",
    "perform_together",
    "perform_within",
    "place_imported_orders",
    "place_orders",
    "rehearse_import",
    "settle_orders",
    "sweep_holds",
]
