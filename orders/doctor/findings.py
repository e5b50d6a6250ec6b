"""Everything the doctor can find, how bad it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

EXAMPLES_KEPT: Final = 5

_BY_HAND: Final = (
    "Read the order's timeline for what should stand there, correct the row in SQL, and find out who wrote it past "
    "orders.operations."
)
_LOG_ALTERED: Final = (
    "Somebody has altered the append-only log, or the order past orders.operations: compare with a sink's copy or a "
    "backup, find out who it was, and tell the consumers."
)


class Severity(StrEnum):
    ERROR = "error"  # data is wrong
    WARNING = "warning"  # somebody should look


class Check(NamedTuple):
    severity: Severity
    meaning: str
    advice: str


# The codes are contract; sentences may be reworded.
CHECKS: Final[dict[str, Check]] = {
    # rows
    "order_without_items": Check(Severity.ERROR, "An order has no items.", _BY_HAND),
    "stray_row": Check(
        Severity.ERROR,
        "A row does not belong to an order (or item, refund, storefront) of its own storefront.",
        "Find the order it was made for in the event log; give the row back to it, or remove it.",
    ),
    # ledger
    "item_out_of_bounds": Check(
        Severity.ERROR,
        "The counts of an item exceed each other.",
        "A constraint of the database forbids this, so one is missing: `manage.py migrate` on a copy shows which. "
        + _BY_HAND,
    ),
    "shipped_not_as_parcels": Check(
        Severity.ERROR, "An item counts other shipped units than the shipped parcels hold.", _BY_HAND
    ),
    "returned_not_as_returns": Check(
        Severity.ERROR, "An item counts other returned or restocked units than its returns brought.", _BY_HAND
    ),
    # roll-ups
    "status_not_as_ledger": Check(
        Severity.ERROR, "An order's status, fulfillment or cancel reason does not follow from its items.", _BY_HAND
    ),
    "delivered_at_not_as_parcels": Check(
        Severity.ERROR, "An order's delivered_at does not follow from its parcels.", _BY_HAND
    ),
    # money
    "items_amount_not_as_items": Check(
        Severity.ERROR, "An order's items_amount is not the sum of quantity × unit_amount.", _BY_HAND
    ),
    "total_amount_not_as_parts": Check(
        Severity.ERROR, "An order's total_amount is not items + shipping + tax − discount.", _BY_HAND
    ),
    "money_not_as_payments": Check(
        Severity.ERROR, "An order counts other money than its payment records say.", _BY_HAND
    ),
    "pending_not_as_refunds": Check(
        Severity.ERROR, "An order's refund_pending_amount is not the sum of its open refunds.", _BY_HAND
    ),
    "credited_amount_not_as_credits": Check(Severity.ERROR, "An order counts other credits than it has.", _BY_HAND),
    "credits_not_as_ledger": Check(
        Severity.ERROR,
        "An order was credited more than its total, or for other units than were canceled or came back.",
        _BY_HAND,
    ),
    "refund_not_as_payments": Check(
        Severity.ERROR, "A refund tells otherwise what was paid out for it than the payment records.", _BY_HAND
    ),
    "refund_paid_unapproved": Check(
        Severity.WARNING,
        "A refund was paid out that nobody has approved, or that was rejected.",
        "Approve it (`manage.py order approve_refund …`): the order is short of that money until then. Or take back "
        "what was recorded by mistake (`manage.py order correct_payment …`).",
    ),
    "refund_not_asked_for": Check(
        Severity.WARNING,
        "Money was given back that nobody had asked for, where somebody else has to approve it. Told for 30 days.",
        "Ask whoever gave it back; take back what was recorded by mistake (`manage.py order correct_payment …`).",
    ),
    "refund_settled_for_more": Check(
        Severity.WARNING,
        "More was paid out for a refund than was asked for.",
        "Ask the payment provider; take back what was recorded by mistake (`manage.py order correct_payment …`).",
    ),
    "payment_status_not_as_money": Check(
        Severity.ERROR, "An order's payment status does not follow from its amounts.", _BY_HAND
    ),
    "refunds_exceed_captures": Check(
        Severity.WARNING,
        "The refunds of an order, paid out or to be paid out, are more than was captured.",
        "Reject or fail (`manage.py order fail_refund …`) what has not been paid out; ask the payment provider about "
        "the rest.",
    ),
    # events
    "events_not_as_version": Check(
        Severity.ERROR,
        "The events of an order are not numbered 1, 2, … up to its version.",
        "The log is append-only, so tell the consumers; restore the missing events from a sink's copy or a backup.",
    ),
    "event_not_as_order": Check(
        Severity.ERROR,
        "The last event of an order tells it otherwise than it is now.",
        "Somebody has changed the order past orders.operations. Correct the rows by the event, or do the change again "
        "with `manage.py order`.",
    ),
    "event_not_as_before": Check(
        Severity.ERROR,
        "What an event says has changed does not lead from the order of the event before it to its own.",
        _LOG_ALTERED,
    ),
    "event_out_of_place": Check(
        Severity.ERROR,
        "An event is not of the type, version or order that its place in the log says.",
        _LOG_ALTERED,
    ),
    "deletion_not_told": Check(
        Severity.ERROR,
        "An order is deleted, or not, otherwise than its events tell.",
        "Somebody has deleted or restored it past orders.operations. Correct deleted_at by the events, then do it "
        "again with `manage.py order`.",
    ),
    "event_of_no_order": Check(
        Severity.ERROR,
        "An event tells of an order that does not exist.",
        "Orders are never removed: restore the order's rows from a backup.",
    ),
    # sums
    "sales_day_not_as_orders": Check(
        Severity.ERROR,
        "The sums of what was sold on a day tell otherwise than the orders of that day. (Of each storefront the newest "
        "14 days and as many others are compared.)",
        "`manage.py doctor --mend` counts these days anew; find out who changed orders past orders.operations.",
    ),
    # queue
    "queued_without_event": Check(
        Severity.ERROR,
        "The queue names an event that the log does not have.",
        "Restore the event from a backup, or delete the row of events_outbox if its sink can do without.",
    ),
    "queued_not_as_event": Check(
        Severity.ERROR,
        "A row of the queue is not of the bucket, order or sequence of its event.",
        "Correct the row of events_outbox by its event: the relay keeps an order's events apart and in order by these.",
    ),
    "queued_out_of_order": Check(
        Severity.ERROR,
        "An event stands twice in a sink's queue, or behind a later one of its order.",
        "Stop the relay. Delete the row of events_outbox that stands twice; of two in the wrong order give that of the "
        "later event a new id.",
    ),
    "events_parked": Check(
        Severity.WARNING,
        "An event was refused by its sink so often that it waits for somebody; later ones of its order wait behind it.",
        "`manage.py outbox status` shows why; then `outbox retry` or `outbox skip`.",
    ),
    "dead_letters": Check(
        Severity.WARNING,
        "An event that came in could not be handled, and waits for somebody.",
        "`manage.py inbox status` shows why; then `inbox retry` or `inbox drop`.",
    ),
    "inbox_late": Check(
        Severity.WARNING,
        "Events that came in wait for their handlers for too long.",
        "Is `manage.py consume_events` running?",
    ),
    "events_late": Check(
        Severity.WARNING,
        "Events wait for a sink for too long.",
        "Is `manage.py relay_events` running, and the sink up?",
    ),
    "webhook_endpoint_disabled": Check(
        Severity.WARNING,
        "A webhook endpoint was disabled because it failed; its storefront is told nothing.",
        "Its page in the back office tells what it answered. Enable it once it is mended, and send again.",
    ),
    "events_for_unknown_sink": Check(
        Severity.WARNING,
        "Events wait for a sink that EVENT_SINKS does not enable.",
        "Enable the sink, or delete its rows of events_outbox.",
    ),
    # feed
    "event_not_in_feed": Check(
        Severity.ERROR,
        "The feed passes over an event of the log.",
        "Insert its storefront and id into events_feed_arrival, and the sweeper gives it the next position; tell the "
        "consumers if later events of its order came before it.",
    ),
    "feed_not_as_log": Check(
        Severity.ERROR,
        "An event stands in the feed twice, in another storefront's, or behind a later one of its order.",
        "Somebody has altered events_feed: tell the consumers to read the feed from its beginning.",
    ),
    "feed_gap": Check(
        Severity.ERROR,
        "The positions of a storefront's feed are not 1, 2, … up to its head, each with an event.",
        "Somebody has altered events_feed: restore its rows from a backup, and tell the consumers.",
    ),
    "feed_late": Check(
        Severity.WARNING,
        "An event has been waiting for its position in the feed for long.",
        "Is `manage.py sweep` running? Its log says what is in its way.",
    ),
    # answers
    "answer_of_no_order": Check(
        Severity.ERROR,
        "A stored answer tells of an order that its storefront does not have; repeats of the request get it.",
        "Restore the order's rows from a backup; or delete the row of orders_idempotentanswer, so that a repeat places "
        "it anew.",
    ),
    # stock
    "stock_not_as_reservations": Check(
        Severity.ERROR,
        "The embedded ledger counts other units of a product than its reservations do, or does not know it.",
        "`manage.py reconcile_stock --repair` counts anew; find out who wrote to inventory_stock or "
        "inventory_reservation.",
    ),
    "stock_oversold": Check(
        Severity.WARNING,
        "More units of a product are promised than there are on hand; nothing more of it is sold.",
        "Restock and set the level, or amend or cancel orders.",
    ),
    "stock_revision_behind": Check(
        Severity.ERROR,
        "The inventory knows a later revision of an order's reservation than the order does, and refuses its changes.",
        "`manage.py reconcile_stock --repair` goes on from the inventory's. It happens when the orders came from a "
        "backup and the inventory did not.",
    ),
    "stock_shipped_not_as_order": Check(
        Severity.ERROR,
        "Other units of an order have left the shelf than its reservation says: what is on hand is counted wrong.",
        "`manage.py reconcile_stock --repair` tells the inventory.",
    ),
    # stuck
    "hold_lasts": Check(
        Severity.WARNING,
        "An order has been held up for long.",
        "Decide: `manage.py order release_hold …`, or cancel the order.",
    ),
    "pending_lasts": Check(
        Severity.WARNING,
        "An order is pending although its stock is no longer promised.",
        "Is `manage.py sweep` running? It cancels those without money. Confirm, extend or cancel the others.",
    ),
    "requests_parked": Check(
        Severity.WARNING,
        "An order that was asked for could not be placed so often that it waits for somebody.",
        "The finding tells the error; mend its cause, then `manage.py place_requested --retry-parked`, or reject it on "
        "its page in the back office.",
    ),
    "requests_late": Check(
        Severity.WARNING,
        "Orders that were asked for have been waiting to be placed for long.",
        "Is `manage.py place_requested` running, and are the inventory and the CustomerService up?",
    ),
    "bulk_run_stands": Check(
        Severity.WARNING,
        "Nobody works at a bulk run of the back office.",
        "Is `manage.py sweep` running? Its log says what is in its way; `manage.py bulk_runs stop …` ends the run.",
    ),
    "inventory_not_told": Check(
        Severity.WARNING,
        "The inventory has not been told of a change.",
        "Is `manage.py sweep` running, and the inventory up? Its log says why it was refused.",
    ),
    "upkeep_fails": Check(
        Severity.WARNING,
        "`manage.py sweep` meets an error with an order, again and again.",
        "The finding tells the error; mend its cause. The order is tried again by itself, at the latest an hour after.",
    ),
    "refund_not_decided": Check(
        Severity.WARNING, "A refund has been waiting for approval for long.", "Approve or reject it."
    ),
    "refund_not_settled": Check(
        Severity.WARNING,
        "An approved refund has not been paid out for long.",
        "Ask the payment provider; record the refund (`manage.py order record_payment …`) or that it failed.",
    ),
    "return_not_received": Check(
        Severity.WARNING,
        "An approved return has not come back for long.",
        "Ask the customer and the carrier. What came back is recorded with `manage.py order receive_return …`; "
        "what never came is ended with `close_return`.",
    ),
    "late_payment": Check(
        Severity.WARNING,
        "Money arrived for an order that had ended, and has not been given back.",
        "Refund it (`manage.py order request_refund …`), or ask the payment provider to void the authorization.",
    ),
}


class Finding(NamedTuple):
    """Something a check has found. `order_id` and `number` are None where no order is at hand."""

    code: str
    detail: str
    order_id: UUID | None = None
    number: str | None = None

    def as_json(self) -> dict[str, Any]:
        order_id = None if self.order_id is None else str(self.order_id)
        return {"order_id": order_id, "number": self.number, "detail": self.detail}


@dataclass(slots=True)
class Found:
    """What one check has found so far: how often, and the first few."""

    code: str
    count: int = 0
    examples: list[Finding] = field(default_factory=list)

    @property
    def check(self) -> Check:
        return CHECKS[self.code]

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.check.severity,
            "count": self.count,
            "meaning": self.check.meaning,
            "advice": self.check.advice,
            "examples": [example.as_json() for example in self.examples],
        }


class Report:
    """What was found. It stays small however much that is."""

    def __init__(self) -> None:
        self.orders = 0
        self._found = {code: Found(code) for code in CHECKS}

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.add_counted(finding.code, 1, [finding])

    def add_counted(self, code: str, count: int, examples: Iterable[Finding]) -> None:
        """Where there are more than the examples: `count` in all."""
        found = self._found[code]
        found.count += count
        found.examples += list(examples)[: EXAMPLES_KEPT - len(found.examples)]

    def of(self, severity: Severity) -> list[Found]:
        """The checks of that severity that have found something."""
        return [found for found in self._found.values() if found.count and found.check.severity is severity]

    def as_json(self) -> dict[str, Any]:
        return {
            "healthy": not self.of(Severity.ERROR),
            "orders": self.orders,
            "checks": [found.as_json() for found in self._found.values()],
        }
