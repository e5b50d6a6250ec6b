"""The doctor's round."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from orders.doctor.answers import answers_of_no_order
from orders.doctor.examined_orders import pages_of_orders
from orders.doctor.extent import Extent
from orders.doctor.feed import misplaced
from orders.doctor.findings import Finding, Report
from orders.doctor.lives import contradictions
from orders.doctor.queue import misqueued
from orders.doctor.sales import days_summed_wrongly
from orders.doctor.stock import look_into_counts, revisions_behind, shipped_not_as_told
from orders.doctor.strays import strays
from orders.doctor.stuck import look_for_stuck
from orders.doctor.told_lives import came_as_it_stood, told_wrongly
from orders.models import Order

_READINGS: Final = 5
# Of history that came without parcels and payments, the marketplace's word is all there is.
_TAKEN_ON_TRUST: Final = frozenset({"shipped_not_as_parcels", "status_not_as_ledger", "payment_status_not_as_money"})


def examine(extent: Extent) -> Report:
    """Look at everything in the extent, in bounded memory; change nothing."""
    report = Report()
    for orders in pages_of_orders(extent):
        report.orders += len(orders)
        for order in orders:
            if contradictions(order):
                report.add(_certain_contradictions(order.pk))
        order_ids = [order.pk for order in orders]
        report.add(told_wrongly(order_ids))
        report.add(revisions_behind(order_ids))
        report.add(shipped_not_as_told(order_ids))
    report.add(strays(extent))
    report.add(misqueued(extent))
    report.add(misplaced(extent))
    report.add(answers_of_no_order(extent))
    report.add(finding for _, _, finding in days_summed_wrongly(extent))
    look_into_counts(report, extent)
    look_for_stuck(report, extent)
    return report


def _certain_contradictions(order_id: UUID) -> list[Finding]:
    order = _read_steadily(order_id)
    if order is None:
        return []
    found = contradictions(order)
    if found and order.reservation_id is None and came_as_it_stood(order_id):
        return [finding for finding in found if finding.code not in _TAKEN_ON_TRUST]
    return found


def _read_steadily(order_id: UUID) -> Order | None:
    """The order with its parts, all of one version; None when it changes faster than it can be read."""
    for _ in range(_READINGS):
        order: Order | None = Order.all_objects.filter(pk=order_id).with_parts().first()
        if order is not None and Order.all_objects.filter(pk=order_id, version=order.version).exists():
            return order
    return None
