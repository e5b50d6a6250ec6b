"""An order's history as its events tell it: who changed what, when, why, and in which request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from events.models import Event, OutboxEntry, bucket_of
from events.sinks import enabled_sinks
from orders.admin.display.changes import FieldChange, Wording, instruction_in_words
from orders.admin.display.names import Names, name_behind
from orders.admin.display.words import Word, words_of
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
    Operation.COMMENT: ("Comment", "chat"),
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


# What customers are shown of their order, by the shop or in a message. Comments, holds, tags and the like they are not.
_CUSTOMERS_SEE: Final = frozenset(
    {
        "status",
        "note",
        "items",
        "shipments",
        "payments",
        "credits",
        "refunds",
        "returns",
        "contact",
        "shipping_address",
        "billing_address",
        "deleted",
    }
)
# Sums of what stands beside them: where that changes they change too, and tell nothing new.
_SUMS: Final = frozenset(
    {
        "authorized_amount",
        "balance_amount",
        "canceled_amount",
        "captured_amount",
        "charged_back_amount",
        "credited_amount",
        "due_amount",
        "items_amount",
        "refund_pending_amount",
        "refunded_amount",
    }
)
_SUMMED_UP: Final = frozenset({"items", "payments", "credits", "refunds"})
# Some callers name all of their requests alike.
_OF_ONE_REQUEST: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event. `echoes` are changes that only repeat, summed up, what `changes` tell."""

    event_id: UUID
    title: str
    icon: str
    version: int
    occurred_at: datetime
    actor: str
    by: str
    cause: str
    reason: str
    request_id: str
    seen_by_customers: bool
    changes: list[FieldChange]
    echoes: list[FieldChange]
    instructions: list[str]
    waiting: list[OutboxEntry]

    @property
    def words(self) -> list[Word]:
        """The reason, with the orders it names within reach."""
        return list(words_of(self.reason))


@dataclass(frozen=True, slots=True)
class Moment:
    """What was done in one request: an event, or several that tell of the same, the newest first."""

    entries: list[TimelineEntry]

    @property
    def first(self) -> TimelineEntry:
        """The one that the others followed from."""
        return self.entries[-1]

    @property
    def title(self) -> str:
        titles = [f"{entry.title}: {entry.cause.lower()}" if entry.cause else entry.title for entry in self.entries]
        return ", ".join(dict.fromkeys(reversed(titles)))

    @property
    def seen_by_customers(self) -> bool:
        return any(entry.seen_by_customers for entry in self.entries)

    @property
    def said(self) -> list[list[Word]]:
        """Each reason once."""
        reasons = {entry.reason: entry.words for entry in reversed(self.entries)}
        return [words for reason, words in reasons.items() if reason]

    @property
    def changes(self) -> list[FieldChange]:
        """What is another in the end: a field that changed in several events, before the first and after the last."""
        told: list[FieldChange] = []
        for entry in reversed(self.entries):
            for change in entry.changes:
                known = next((k for k in told if k.name == change.name and k.after == change.before != "–"), None)
                if known is None:
                    told.append(change)
                else:
                    told[told.index(known)] = replace(known, after=change.after)
        return [change for change in told if change.personal or change.before != change.after]

    @property
    def instructions(self) -> list[str]:
        return [told for entry in reversed(self.entries) for told in entry.instructions]

    @property
    def stuck(self) -> list[OutboxEntry]:
        """What was tried to be sent, and has still to be."""
        return [each for entry in self.entries for each in entry.waiting if each.parked or each.next_attempt_at]


@dataclass(frozen=True, slots=True)
class Timeline:
    moments: list[Moment]
    names: Names
    hold_reasons: Mapping[str, str]

    @property
    def entries(self) -> list[TimelineEntry]:
        return [entry for moment in self.moments for entry in moment.entries]

    def reason_of_hold(self, hold_id: str) -> str:
        return self.hold_reasons.get(hold_id, "")


def timeline_of(order: Order) -> Timeline:
    """The latest events of the order, newest first, with the sinks that have not got them yet."""
    waiting: dict[UUID, list[OutboxEntry]] = {}
    for entry in undelivered(order.pk):
        waiting.setdefault(entry.event_id, []).append(entry)
    told = Event.objects.filter(stream_id=order.pk, storefront_id=order.storefront_id).with_reasons()
    events: list[Any] = list(told.annotate(actor_name=name_behind("actor")).order_by("-sequence")[:_MOST_EVENTS])
    names = Names({event.actor: event.actor_name for event in events})
    changes = changes_told(events)
    return Timeline(
        _moments([_entry(event, changes[event.sequence], waiting.get(event.pk, []), names) for event in events]),
        names,
        _hold_reasons(order, events),
    )


def _moments(entries: list[TimelineEntry]) -> list[Moment]:
    """Neighbours of the same request and hand belong together."""
    moments: list[Moment] = []
    for entry in entries:
        later = moments[-1].first if moments else None
        together = (
            later is not None
            and entry.request_id
            and (entry.request_id, entry.actor) == (later.request_id, later.actor)
            and later.occurred_at - entry.occurred_at <= _OF_ONE_REQUEST
        )
        if together:
            moments[-1].entries.append(entry)
        else:
            moments.append(Moment([entry]))
    return moments


def _hold_reasons(order: Order, events: Sequence[Event]) -> dict[str, str]:
    """By the hold's id. One that is older than all these events is looked for by itself."""
    wanted = {hold["id"] for hold in order.holds}
    found: dict[str, str] = {}

    def look(events: Iterable[Event]) -> None:
        for event in events:
            _, after = (event.data.get("changes") or {}).get("holds") or ([], [])
            new = wanted.intersection(hold["id"] for hold in after or ())
            found.update(dict.fromkeys(new, event.told_reason or ""))

    look(events)
    if wanted - found.keys() and len(events) == _MOST_EVENTS:
        older = Event.objects.filter(
            stream_id=order.pk, storefront_id=order.storefront_id, data__changes__has_key="holds"
        )
        look(older.with_reasons().order_by("-sequence")[:_MOST_EVENTS])
    return found


def undelivered(order_id: UUID) -> QuerySet[OutboxEntry]:
    """What sinks have still to get of the order. Sink and bucket are what the queue is indexed by."""
    return OutboxEntry.objects.filter(
        sink__in=enabled_sinks(), bucket=bucket_of(order_id), stream_id=order_id
    ).order_by("id")


def _entry(event: Event, changes: Changes, waiting: list[OutboxEntry], names: Names) -> TimelineEntry:
    gone = [item for item in (changes.get("items") or ([], []))[0] or () if "product_id" in item]
    words = Wording(event.data.get("order") or {}, *gone, names=names)
    operation = operation_of(event)
    title, icon = _title(operation, changes)
    sums = _SUMS.intersection(changes) if _SUMMED_UP.intersection(changes) else frozenset[str]()
    return TimelineEntry(
        event_id=event.pk,
        title=title,
        icon=icon,
        version=event.sequence,
        occurred_at=event.occurred_at,
        actor=event.actor,
        by=names.of(event.actor),
        cause=_cause(event),
        reason=event.told_reason,
        request_id=event.request_id,
        seen_by_customers=operation == "place" or not _CUSTOMERS_SEE.isdisjoint(changes),
        changes=list(words.changes({name: values for name, values in changes.items() if name not in sums})),
        echoes=list(words.changes({name: values for name, values in changes.items() if name in sums})),
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
