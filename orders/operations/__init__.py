"""Every way an order comes to be or changes. API, back office, commands and consumers call these.

Only this package opens transactions on orders and locks their rows. No network call is made while one
is open.
"""

from orders.operations.abandoned_holds import sweep_holds
from orders.operations.bulk_pieces import work_at_runs
from orders.operations.bulk_runs import RunRefused, Started, forget_runs, start_run, stop_run
from orders.operations.call import ANY_VERSION, Call, Document, Precondition, Rehearsal
from orders.operations.claiming import claim_next, claim_order, end_done_claims, give_back
from orders.operations.due_orders import complete_orders, expire_orders
from orders.operations.erasing_requests import forget_rejected
from orders.operations.idempotency import KEY_PATTERN, Idempotency, Replay, StoredAnswer, fingerprint_of, forget_answers
from orders.operations.importing import import_orders, rehearse_import
from orders.operations.keeping_forms import forget_forms, keep_form, take_form
from orders.operations.known_orders import ImportOutcome, ImportResult
from orders.operations.looking import forget_who_looked, look_at, look_away
from orders.operations.performing import PERFORMERS, perform, perform_in_turn, perform_together, perform_within
from orders.operations.placing import Outcome, Placed, Render, place_orders
from orders.operations.placing_imported import place_imported_orders
from orders.operations.placing_requested import Progress, place_requested, try_again
from orders.operations.rejecting import reject_at_once, reject_request
from orders.operations.requesting import ACCEPTED, Answered, Taken, receipt_of, receipt_of_one, take_orders
from orders.operations.retention import erase_by_age, erase_requests_by_age
from orders.operations.settling import settle_orders
from orders.operations.summing_days import count_days_anew, sum_up_days
from orders.operations.unwritten import PaymentKey

__all__ = [
    "ACCEPTED",
    "ANY_VERSION",
    "KEY_PATTERN",
    "PERFORMERS",
    "Answered",
    "Call",
    "Document",
    "Idempotency",
    "ImportOutcome",
    "ImportResult",
    "Outcome",
    "PaymentKey",
    "Placed",
    "Precondition",
    "Progress",
    "Rehearsal",
    "Render",
    "Replay",
    "RunRefused",
    "Started",
    "StoredAnswer",
    "Taken",
    "claim_next",
    "claim_order",
    "complete_orders",
    "count_days_anew",
    "end_done_claims",
    "erase_by_age",
    "erase_requests_by_age",
    "expire_orders",
    "fingerprint_of",
    "forget_answers",
    "forget_forms",
    "forget_rejected",
    "forget_runs",
    "forget_who_looked",
    "give_back",
    "import_orders",
    "keep_form",
    "look_at",
    "look_away",
    "perform",
    "perform_in_turn",
    "perform_together",
    "perform_within",
    "place_imported_orders",
    "place_orders",
    "place_requested",
    "receipt_of",
    "receipt_of_one",
    "rehearse_import",
    "reject_at_once",
    "reject_request",
    "settle_orders",
    "start_run",
    "stop_run",
    "sum_up_days",
    "sweep_holds",
    "take_form",
    "take_orders",
    "try_again",
    "work_at_runs",
]
