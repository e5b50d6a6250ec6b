"""Does each event of an order follow from the one before it?

The log is a chain: `changes` of an event turn the order of the event before it into its own. Documents have gained
fields since early events were written; what one of two events could not tell yet is no break.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, takewhile
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from events.models import Event
from orders.announcing.payloads import ORDER_CREATED, ORDER_DELETED, ORDER_RESTORED, ORDER_UPDATED, PERSONAL_FIELDS
from orders.doctor.findings import Finding
from orders.reading.changes_between import PARTS, STAMPS
from orders.rules.lifecycle import Operation

# An order's events may be many and large.
_EVENTS_AT_ONCE: Final = 100
_TYPES: Final[Mapping[str, str]] = {Operation.DELETE: ORDER_DELETED, Operation.RESTORE: ORDER_RESTORED}
# A storefront's code is not the order's own: it changes without a change of the order.
_NOT_CHAINED: Final = STAMPS | PERSONAL_FIELDS | {"storefront"}

Fields = Mapping[str, Any]


class Told(NamedTuple):
    """An order as it was read: what its events have to lead to."""

    number: str
    version: int
    deleted: bool


class _Event(NamedTuple):
    sequence: int
    type: str
    data: Fields

    @property
    def order(self) -> Fields:
        return _object(self.data.get("order"))

    @property
    def changes(self) -> Fields:
        return _object(self.data.get("changes"))


def broken_links(orders: Mapping[UUID, Told]) -> Iterator[Finding]:
    """What is wrong with the events of these orders, up to the version at which each was read."""
    rows = Event.objects.filter(stream_id__in=orders).order_by("stream_id", "sequence")
    events = rows.values_list("stream_id", "sequence", "type", "data").iterator(chunk_size=_EVENTS_AT_ONCE)
    for order_id, of_order in groupby(events, key=itemgetter(0)):
        if order := orders.get(order_id):
            told = (_Event(sequence, kind, _object(data)) for _, sequence, kind, data in of_order)
            known = takewhile(lambda event: event.sequence <= order.version, told)
            for code, detail in _judged(order_id, order, known):
                yield Finding(code, detail, order_id, order.number)


def _judged(order_id: UUID, order: Told, events: Iterable[_Event]) -> Iterator[tuple[str, str]]:
    before: _Event | None = None
    deleted = False
    for event in events:
        if wrong := [*_out_of_place(order_id, event, deleted=deleted)]:
            yield "event_out_of_place", f"version {event.sequence}: {', '.join(wrong)}"
        follows = before is not None and before.sequence + 1 == event.sequence
        if before is not None and follows and (names := _not_following(before, event)):
            yield "event_not_as_before", f"version {event.sequence}: {', '.join(names)}"
        deleted = event.type == ORDER_DELETED or (deleted and event.type != ORDER_RESTORED)
        before = event
    if before is not None and before.sequence == order.version and deleted != order.deleted:
        state, told = ("deleted", "there") if order.deleted else ("there", "deleted")
        yield "deletion_not_told", f"it is {state}, its events tell that it is {told}"


def _out_of_place(order_id: UUID, event: _Event, *, deleted: bool) -> Iterator[str]:
    """What an event tells that an event of this order, number and operation does not."""
    operation = event.data.get("operation")  # early events do not tell it
    expected = ORDER_CREATED if event.sequence == 1 else _TYPES.get(str(operation), ORDER_UPDATED)
    if event.type != expected and (operation is not None or ORDER_CREATED in (event.type, expected)):
        yield f"type is {event.type}, expected {expected}"
    elif (event.type == ORDER_DELETED and deleted) or (event.type == ORDER_RESTORED and not deleted):
        yield f"type is {event.type}, but it was {'deleted' if deleted else 'there'} already"
    for name, told in (("version", event.data.get("version")), ("order.version", event.order.get("version"))):
        if told is not None and told != event.sequence:
            yield f"{name} is {told}"
    if (told := event.order.get("id")) != str(order_id):
        yield f"order.id is {told}"


def _not_following(before: _Event, event: _Event) -> list[str]:
    """The fields of the order that `changes` do not turn from what they were before into what they are."""
    names = (before.order.keys() & event.order.keys()) - _NOT_CHAINED
    unknown = event.changes.keys() - event.order.keys() - _NOT_CHAINED - {"deleted"}
    return sorted(unknown | {name for name in names if not _follows(name, before.order, event)})


def _follows(name: str, before: Fields, event: _Event) -> bool:
    now = event.order[name]
    if name not in event.changes:
        return _alike(before[name], now)
    try:
        old, new = event.changes[name]
        if name in PARTS and all("id" in part for part in (*old, *new)):
            return _parts_follow(before[name], old, new, now)
    except (TypeError, ValueError):  # not of the shape that changes have
        return False
    return _alike(before[name], old) and _alike(new, now)


def _parts_follow(before: list[Fields], old: list[Fields], new: list[Fields], now: list[Fields]) -> bool:
    """Of parts only what changed of them is told; see `changes_between`."""
    known, gone, come = _by_id(before), _by_id(old), _by_id(new)
    if not all(part_id in known and _alike(known[part_id], part) for part_id, part in gone.items()):
        return False
    if any(part_id in known for part_id in come.keys() - gone.keys()):
        return False
    kept = {part_id: part for part_id, part in known.items() if part_id in come or part_id not in gone}
    expected = {part_id: {**kept.get(part_id, {}), **come.get(part_id, {})} for part_id in kept.keys() | come.keys()}
    found = _by_id(now)
    return expected.keys() == found.keys() and all(_alike(expected[part_id], part) for part_id, part in found.items())


def _by_id(parts: list[Fields]) -> dict[str, Fields]:
    return {part["id"]: part for part in parts}


def _alike(one: Any, other: Any) -> bool:
    """Whether they say the same of what both speak of."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_alike(one[name], other[name]) for name in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other)


def _object(value: Any) -> Fields:
    return value if isinstance(value, dict) else {}
