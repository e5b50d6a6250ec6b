"""Whether those who follow events got what the log has: nothing lost, nothing invented, nothing overtaken."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from events.models import Event


class Told(NamedTuple):
    """An event, as the log has it or as somebody received it."""

    id: str
    stream_id: str
    sequence: int

    @classmethod
    def read(cls, body: bytes | str) -> Told:
        """From its envelope."""
        envelope: dict[str, Any] = orjson.loads(body)
        return cls(envelope["id"], envelope["subject"], int(envelope["sequence"]))


@dataclass(frozen=True, slots=True)
class Audit:
    """Counts. `repeated` is no fault: publication is at least once."""

    received: int
    lost: int
    phantom: int
    overtaken: int
    repeated: int

    @property
    def faults(self) -> int:
        return self.lost + self.phantom + self.overtaken

    def __str__(self) -> str:
        return (
            f"{self.received:,} received, {self.lost} lost, {self.phantom} phantom, {self.overtaken} out of order, "
            f"{self.repeated:,} repeated"
        )


def log(*, since: datetime | None = None, types: Collection[str] = ()) -> list[Told]:
    """All that was committed; or what was changed after that moment, or is of these types."""
    events = Event.objects.all() if since is None else Event.objects.filter(occurred_at__gt=since)
    if types:
        events = events.filter(type__in=types)
    rows = events.values_list("id", "stream_id", "sequence")
    return [Told(str(event_id), str(stream_id), sequence) for event_id, stream_id, sequence in rows.iterator()]


def gaps(told: Iterable[Told]) -> int:
    """Events whose predecessor is not there."""
    found = {(each.stream_id, each.sequence) for each in told}
    return sum(sequence > 1 and (stream_id, sequence - 1) not in found for stream_id, sequence in found)


def audited(
    received: Iterable[Told],
    committed: Collection[Told],
    *,
    owed: Collection[Told] | None = None,
    ordered: bool = True,
) -> Audit:
    """`received` as it arrived, beside what was committed.

    `owed` is what had to come, where that is not all: who began in the middle may begin a stream with any event. Only
    the first delivery of each event counts for the order; with `ordered` False none does.
    """
    seen: set[Told] = set()
    highest: dict[str, int] = {}
    overtaken = repeated = 0
    for each in received:
        if each in seen:
            repeated += 1
            continue
        seen.add(each)
        last = highest.get(each.stream_id, 0 if owed is None else each.sequence - 1)
        overtaken += ordered and each.sequence != last + 1
        highest[each.stream_id] = max(last, each.sequence)
    lost = set(committed if owed is None else owed) - seen
    return Audit(len(seen), len(lost), len(seen - set(committed)), overtaken, repeated)
