"""Somebody else has changed the order since the page was opened: what they did, and whether it can be done still."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from events.models import Event
from orders.admin.display.changes import FieldChange, Wording
from orders.admin.display.names import Names, actors_in, names_of
from orders.admin.operations.forms import OperationForm
from orders.admin.operations.staff_operation import StaffOperation, staff_sentence
from orders.admin.operations.staff_requests import Staff
from orders.admin.operations.table import STAFF_OPERATIONS
from orders.models import Order
from orders.reading.history import changes_told, operation_of
from orders.rules.errors import VersionMismatch

_MOST_CHANGES: Final = 20


class Change(NamedTuple):
    """One version: `what` completes "The order …"."""

    version: int
    what: str
    who: str
    at: datetime
    reason: str
    changes: list[FieldChange]


class Conflict(NamedTuple):
    """`refusal` says why it cannot be done any more; empty where it can. The changes are the latest, oldest first;
    there are none for whoever may not read timelines.
    """

    sentence: str
    changes: list[Change]
    more: int
    refusal: str


def conflict_of(order: Order, form: OperationForm | None, operation: StaffOperation, user: Staff) -> Conflict | None:
    """None where the form was opened at the version that the order has now."""
    seen = form.version_seen if form else None
    if form is None or seen is None or not 0 < seen < order.version:
        return None
    may_read = user.has_perm("events.view_event")
    changes = _changes_since(order, seen) if may_read else []
    return Conflict(
        sentence=staff_sentence(VersionMismatch(current=order.version, expected=str(seen)), order),
        changes=changes,
        more=order.version - seen - len(changes) if may_read else 0,
        refusal=_refusal(order, form, operation, user),
    )


def _refusal(order: Order, form: OperationForm, operation: StaffOperation, user: Staff) -> str:
    if (refusal := operation.refusal(order, user)) is not None:
        return staff_sentence(refusal, order)
    if form.chosen and "part" in form.fields and form.chosen not in {part.id for part in operation.parts(order, user)}:
        return "What you had chosen is not there to be chosen any more."
    return ""


def _changes_since(order: Order, version: int) -> list[Change]:
    told = Event.objects.filter(stream_id=order.pk, storefront_id=order.storefront_id, sequence__gt=version)
    newest = told.filter(sequence__lte=order.version).with_reasons().order_by("-sequence")
    events = list(newest[:_MOST_CHANGES])
    changes = changes_told(events)
    names = names_of([*(event.actor for event in events), *actors_in(list(changes.values()))])
    return [
        Change(
            version=event.sequence,
            what=_what(event),
            who=names.of(event.actor),
            at=event.occurred_at,
            reason=event.told_reason,
            changes=list(_wording(event, names).changes(changes[event.sequence])),
        )
        for event in reversed(events)
    ]


def _what(event: Event) -> str:
    done = STAFF_OPERATIONS.get(operation_of(event))
    return done.told(event.data["order"]) if done else f"has been changed ({operation_of(event).replace('_', ' ')})."


def _wording(event: Event, names: Names) -> Wording:
    gone = [item for item in (event.data["changes"].get("items") or [[]])[0] or () if "product_id" in item]
    return Wording(event.data["order"], *gone, names=names)
