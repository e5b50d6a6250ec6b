"""What has been waiting for too long, for a person or for a process that does not run.

It is looked for whatever its age: what is stuck is old.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.db.models import BooleanField, F, Q, QuerySet
from django.db.models.expressions import RawSQL

from events.inbox.models import IncomingEvent
from events.inbox.standing import inbox_standing
from events.lag import queued_sinks, relay_lag
from events.models import PARKED, OutboxEntry, WebhookEndpoint
from events.sinks import enabled_sinks
from orders.doctor.extent import Extent
from orders.doctor.findings import EXAMPLES_KEPT, Finding, Report
from orders.models import BulkRun, Order, PaymentRecord, Refund, RequestedOrder, Return, UpkeepFailure
from orders.reading.documents import instant
from orders.reading.windows import windows
from orders.rules.statuses import OrderStatus, PaymentKind, RefundState, ReturnState

_ROWS_AT_ONCE: Final = 5000
# What processes do within seconds when they run.
_SWEEP_PATIENCE: Final = timedelta(hours=1)
_INVENTORY_PATIENCE: Final = timedelta(minutes=10)
_RELAY_PATIENCE: Final = timedelta(minutes=10)
_PLACING_PATIENCE: Final = timedelta(minutes=10)
_RUN_PATIENCE: Final = timedelta(minutes=10)

# As in the indexes that hold them: of all that ended long ago none is read.
_OPEN: Final = Q(state__in=[RefundState.REQUESTED, RefundState.APPROVED])
_ON_ITS_WAY: Final = Q(state=ReturnState.APPROVED)
_LIVE: Final = [OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.SHIPPED]


def look_for_stuck(report: Report, extent: Extent) -> None:
    """Add what is stuck to the report."""
    _orders(report, extent)
    _refunds(report, extent)
    _returns(report, extent)
    _late_payments(report, extent)
    _unasked_refunds(report, extent)
    _upkeep(report, extent)
    _queue(report, extent)
    _inbox(report)
    _requested(report, extent)
    _bulk_runs(report, extent)


def _orders(report: Report, extent: Extent) -> None:
    # Each is answered by a partial index that holds hardly more than these.
    long_held = f'$[*] ? (@.placed_at < "{instant(extent.now - extent.patience)}")'
    held = (
        Order.objects.held_up()
        .filter(status__in=_LIVE)
        .filter(RawSQL("holds @? %s::jsonpath", [long_held], output_field=BooleanField()))
    )
    _add(report, "hold_lasts", extent.of(held), lambda order: _holds(order.holds))
    pending = Order.objects.filter(status=OrderStatus.PENDING, reserved_until__lt=extent.now - _SWEEP_PATIENCE)
    _add(report, "pending_lasts", extent.of(pending), lambda order: f"stock was promised until {order.reserved_until}")
    # When it was noted is not known; an order that was changed lately may be on its way to the inventory.
    untold = Order.all_objects.awaiting_inventory().filter(updated_at__lt=extent.now - _INVENTORY_PATIENCE)
    _add(report, "inventory_not_told", extent.of(untold), lambda order: f"{order.stock_action}")


def _upkeep(report: Report, extent: Extent) -> None:
    for failure in extent.of(UpkeepFailure.objects.select_related("order").order_by("pk")):
        detail = f"{failure.get_upkeep_display()}, failed {failure.attempts} times, last at {failure.failed_at}"
        report.add([Finding("upkeep_fails", f"{detail}: {failure.error}", failure.order_id, failure.order.number)])


def _requested(report: Report, extent: Extent) -> None:
    asked = RequestedOrder.objects
    late = asked.waiting().filter(next_attempt_at__lt=PARKED, requested_at__lt=extent.now - _PLACING_PATIENCE)
    for code, requests in (("requests_parked", extent.of(asked.parked())), ("requests_late", extent.of(late))):
        oldest = requests.defer("order").order_by("pk")[:EXAMPLES_KEPT]
        report.add_counted(
            code, requests.count(), [Finding(code, _tries_of(request), request.pk) for request in oldest]
        )


def _bulk_runs(report: Report, extent: Extent) -> None:
    standing = BulkRun.objects.running().filter(worked_at__lt=extent.now - _RUN_PATIENCE).order_by("worked_at")
    if extent.storefront_id is not None:
        standing = standing.filter(storefronts__contains=[extent.storefront_id])
    report.add(
        Finding(
            "bulk_run_stands",
            f"{run.pk}: {run.operation} by {run.actor}, {run.left} of {run.total} orders left, "
            f"nobody at it since {run.worked_at:%Y-%m-%d %H:%M} UTC",
        )
        for run in standing
    )


def _tries_of(request: RequestedOrder) -> str:
    error = request.last_error or "not tried yet"
    return f"asked for at {request.requested_at}, failed {request.attempts} times: {error}"


def _holds(holds: list[dict[str, Any]]) -> str:
    return ", ".join(f"{hold['kind']} by {hold['placed_by']} since {hold['placed_at']}" for hold in holds)


def _refunds(report: Report, extent: Extent) -> None:
    long_ago = extent.now - extent.patience
    undecided = Q(state=RefundState.REQUESTED, requested_at__lt=long_ago)
    unsettled = Q(state=RefundState.APPROVED, decided_at__lt=long_ago)
    for window in windows(Refund, rows=_ROWS_AT_ONCE, among=_OPEN):
        refunds = extent.of(Refund.objects.filter(**window.of("pk")))
        _add(
            report,
            "refund_not_decided",
            refunds.filter(undecided),
            lambda refund: f"{refund.amount} requested by {refund.requested_by} at {refund.requested_at}",
        )
        _add(
            report,
            "refund_not_settled",
            refunds.filter(unsettled),
            lambda refund: f"{refund.amount} approved at {refund.decided_at}",
        )


def _returns(report: Report, extent: Extent) -> None:
    waiting = Q(state=ReturnState.APPROVED, decided_at__lt=extent.now - extent.patience)
    for window in windows(Return, rows=_ROWS_AT_ONCE, among=_ON_ITS_WAY):
        returns = extent.of(Return.objects.filter(waiting, **window.of("pk")))
        _add(report, "return_not_received", returns, lambda back: f"approved at {back.decided_at}")


def _late_payments(report: Report, extent: Extent) -> None:
    """Late money that still lies on an order that is canceled or deleted."""
    ended = Q(order__status=OrderStatus.CANCELED) | ~Q(order__deleted_at=None)
    kept = F("order__refunded_amount") + F("order__charged_back_amount") + F("order__refund_pending_amount")
    captured = Q(kind=PaymentKind.CAPTURE, order__captured_amount__gt=kept)
    authorized = Q(kind=PaymentKind.AUTHORIZATION, order__authorized_amount__gt=0, order__captured_amount=0)
    for window in windows(PaymentRecord, rows=_ROWS_AT_ONCE, among=Q(late=True)):
        payments = PaymentRecord.objects.filter(ended, captured | authorized, late=True, **window.of("pk"))
        _add(
            report,
            "late_payment",
            extent.of(payments),
            lambda payment: f"{payment.kind} of {payment.amount}, recorded at {payment.recorded_at}",
        )


def _unasked_refunds(report: Report, extent: Extent) -> None:
    """What was paid out for a refund that nobody approved is a contradiction of its order: see `lives.py`."""
    _add(
        report,
        "refund_not_asked_for",
        extent.of(PaymentRecord.objects.refunds_nobody_asked_for()),
        lambda payment: f"{payment.amount} by {payment.psp_reference}, recorded at {payment.recorded_at}",
    )


def _queue(report: Report, extent: Extent) -> None:
    parked = extent.of(OutboxEntry.objects.parked()).order_by("id")
    examples = [
        Finding("events_parked", f"entry {entry.pk} for {entry.sink}: {entry.last_error[:200]}", entry.stream_id)
        for entry in parked[:EXAMPLES_KEPT]
    ]
    report.add_counted("events_parked", parked.count(), examples)
    for sink, lag in relay_lag().items():
        if lag.seconds > _RELAY_PATIENCE.total_seconds():
            report.add([Finding("events_late", f"{sink}: the oldest has been waiting for {lag.seconds:,.0f} seconds")])
    disabled = extent.of(WebhookEndpoint.objects.stopped_by_failures()).order_by("disabled_at")
    report.add(
        Finding("webhook_endpoint_disabled", f"{endpoint.pk} since {endpoint.disabled_at:%Y-%m-%d %H:%M} UTC")
        for endpoint in disabled
    )
    report.add(Finding("events_for_unknown_sink", sink) for sink in sorted(set(queued_sinks()) - set(enabled_sinks())))


def _inbox(report: Report) -> None:
    """Of which storefront an incoming event is, nobody knows."""
    standing = inbox_standing()
    oldest = IncomingEvent.objects.dead().order_by("id")[:EXAMPLES_KEPT]
    examples = [Finding("dead_letters", f"entry {event.pk}, {event}: {event.last_error[:200]}") for event in oldest]
    report.add_counted("dead_letters", standing.dead, examples)
    if standing.seconds > _RELAY_PATIENCE.total_seconds():
        told = f"the oldest of {standing.due} has been due for {standing.seconds:,.0f} seconds"
        report.add([Finding("inbox_late", told)])


def _add(report: Report, code: str, rows: QuerySet[Any], detail: Callable[[Any], str]) -> None:
    """How many rows there are, and the oldest of them: orders, or parts of orders."""
    oldest: list[Any] = list(rows.order_by("pk")[:EXAMPLES_KEPT])
    if not oldest:
        return
    examples = []
    for row in oldest:
        order: Order = row if isinstance(row, Order) else row.order
        examples.append(Finding(code, detail(row), order.pk, order.number))
    report.add_counted(code, rows.count(), examples)
