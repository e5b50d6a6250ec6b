"""An answer about several orders ends where it has become too large; what is left is not touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

import orjson

from orders.operations import Document, Replay
from orders.rules.errors import AnswerFull, OrderError
from orders.rules.limits import MAX_PAGE_BYTES

Outcome = Document | Replay | OrderError


def until_full(outcomes: Iterable[tuple[UUID, Outcome]], ids: Iterable[UUID]) -> Iterator[tuple[UUID, Outcome]]:
    """The outcomes, each of which is brought about by asking for it, until their orders fill an answer.

    Whichever of `ids` is left then is refused. Done first, the answer could not be sent, and nobody would
    know what has been done.
    """
    left = dict.fromkeys(ids)
    size = 0
    for order_id, outcome in outcomes:
        del left[order_id]
        yield order_id, outcome
        size += _bytes_in(outcome)
        if size > MAX_PAGE_BYTES:
            break
    for order_id in left:
        yield order_id, AnswerFull(MAX_PAGE_BYTES)


def _bytes_in(outcome: Outcome) -> int:
    match outcome:
        case Replay():
            return len(outcome.answer.body)
        case OrderError():
            return 0
        case _:
            return len(orjson.dumps(outcome))
