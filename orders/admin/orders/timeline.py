"""An order's history as its events tell it: who changed what, when, why, and in which request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from events.models import Event, OutboxEntry, bucket_of
from events.sinks import enabled_sinks
from orders.admin.display.changes import FieldChange, Wording, instruction_in_words
from orders.models import Order
from orders.reading.history import Changes, changes_told, operation_of
from orders.rules.lifecycle import Operation
from orders.rules.statuses import CancelReason, OrderStatus

_MOST_EVENTS: Final = 100

_TITLES: Final = {
    "place": ("Placed", "add_shopping_cart"),
    Operation.CONFIRM: ("Confirmed", "check_circle"),
    Operation.EXTEND: ("Reservation extended", "more_time"),
    Operation.AMEND: ("Items amended", "edit_note"),
    Operation.CHANGE_DETAILS: ("Details changed", "edit"),
    Operation.CHANGE_CONTACT: ("Details changed", "edit"),
    Operation.CHANGE_ADDRESS: ("Details changed", "edit"),
    Operation.CHANGE_CUSTOMER: ("Customer changed", "person_edit"),
    Operation.PACK: ("Packed", "package_2"),
    Operation.SHIP: ("Shipped", "local_shipping"),
    Operation.TRACK: ("Tracking changed", "pin_drop"),
    Operation.DELIVER: ("Delivered", "where_to_vote"),
    Operation.COMPLETE: ("Completed", "task_alt"),
    Operation.UNDO_SHIPMENT: ("Shipment taken back", "undo"),
    Operation.UNDO_DELIVERY: ("Delivery taken back", "undo"),
    Operation.UNDO_COMPLETION: ("Opened again", "undo"),
    Operation.REINSTATE: ("Reinstated", "settings_backup_restore"),
    Operation.CANCEL: ("Canceled", "cancel"),
    Operation.RECORD_PAYMENT: ("Payment recorded", "payments"),
    Operation.CLOSE_RETURN: ("Return closed", "assignment_late"),
    Operation.CORRECT_PAYMENT: ("Payment taken back", "undo"),
    Operation.REQUEST_REFUND: ("Refund requested", "currency_exchange"),
    Operation.APPROVE_REFUND: ("Refund approved", "thumb_up"),
    Operation.REJECT_REFUND: ("Refund rejected", "thumb_down"),
    Operation.FAIL_REFUND: ("Refund failed", "money_off"),
    Operation.REQUEST_RETURN: ("Return requested", "assignment_return"),
    Operation.APPROVE_RETURN: ("Return approved", "thumb_up"),
    Operation.REJECT_RETURN: ("Return rejected", "thumb_down"),
    Operation.RECEIVE_RETURN: ("Return received", "move_to_inbox"),
    Operation.HOLD: ("Held up", "pan_tool"),
    Operation.RELEASE_HOLD: ("Hold released", "lock_open"),
    Operation.DELETE: ("Deleted", "delete"),
    Operation.RESTORE: ("Restored", "restore_from_trash"),
    Operation.EXPIRE: ("Expired", "timer_off"),
    Operation.ERASE: ("Customer erased", "person_off"),
    # What events of earlier releases tell by their type alone.
    "deleted": ("Deleted", "delete"),
    "restored": ("Restored", "restore_from_trash"),
}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    event_id: UUID
    title: str
    icon: str
    version: int
    occurred_at: datetime
    actor: str
    cause: str
    reason: str
    request_id: str
    changes: list[FieldChange]
    instructions: list[str]
    waiting: list[OutboxEntry]


def timeline_of(order: Order) -> list[TimelineEntry]:
    """The latest events of the order, newest first, with the sinks that have not got them yet."""
    waiting: dict[UUID, list[OutboxEntry]] = {}
    for entry in undelivered(order.pk):
        waiting.setdefault(entry.event_id, []).append(entry)
    told = Event.objects.filter(stream_id=order.pk, storefront_id=order.storefront_id).with_reasons()
    events = list(told.order_by("-sequence")[:_MOST_EVENTS])
    changes = changes_told(events)
    return [_entry(event, changes[event.sequence], waiting.get(event.pk, [])) for event in events]


def undelivered(order_id: UUID) -> QuerySet[OutboxEntry]:
    """What sinks have still to get of the order. Sink and bucket are what the queue is indexed by."""
    return OutboxEntry.objects.filter(
        sink__in=enabled_sinks(), bucket=bucket_of(order_id), stream_id=order_id
    ).order_by("id")


def _entry(event: Event, changes: Changes, waiting: list[OutboxEntry]) -> TimelineEntry:
    gone = [item for item in (changes.get("items") or ([], []))[0] or () if "product_id" in item]
    words = Wording(event.data.get("order") or {}, *gone)
    title, icon = _title(operation_of(event), changes)
    return TimelineEntry(
        event_id=event.pk,
        title=title,
        icon=icon,
        version=event.sequence,
        occurred_at=event.occurred_at,
        actor=event.actor,
        cause=_cause(event),
        reason=event.told_reason,
        request_id=event.request_id,
        changes=list(words.changes(changes)),
        instructions=[instruction_in_words(instruction) for instruction in event.data.get("instructions") or ()],
        waiting=waiting,
    )


def _cause(event: Event) -> str:
    cause = event.data.get("cause")
    return str(CancelReason(cause).label) if cause else ""


def _title(operation: str, changes: Mapping[str, Any]) -> tuple[str, str]:
    if operation == "updated":  # of an earlier release: the status tells more, where it changed
        status = (changes.get("status") or [None, None])[1]
        return (str(OrderStatus(status).label) if status else "Changed"), "edit"
    return _TITLES.get(operation, (operation.replace("_", " ").capitalize(), "bolt"))
