"""When something can have happened: after what came before it, and not in the future."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from orders.rules.errors import InvalidRequest

# How far the clock of a warehouse may be ahead of ours.
CLOCK_SKEW: Final = timedelta(minutes=5)


def refuse_impossible_moment(
    name: str, moment: datetime | None, *, now: datetime, after: datetime | None, what: str
) -> None:
    """`name` is the field it was given in, `what` what came before it, at `after`. Raises InvalidRequest."""
    if moment is None:
        return
    if moment > now + CLOCK_SKEW:
        detail = f"{name} is {moment.isoformat()}, which is still to come: it is {now.isoformat()} now"
        raise InvalidRequest.at(f"/{name}", "out_of_range", detail)
    if after is not None and moment < after:
        detail = f"{name} is {moment.isoformat()}, before {what} at {after.isoformat()}"
        raise InvalidRequest.beside_order(f"/{name}", "out_of_range", detail)
