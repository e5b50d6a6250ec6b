"""What a person can do about events that could not be handled: try them again, or drop them."""

from __future__ import annotations

import logging

from django.db.models.functions import Now

from events.inbox.models import InboxState, IncomingEvent, IncomingEventQuerySet

logger = logging.getLogger(__name__)


class NotDead(LookupError):
    """There is no dead letter of that id."""


def retry(events: IncomingEventQuerySet, *, by: str) -> int:
    """Make the dead letters among the events due again, no attempt counted. Return how many they were."""
    retried = events.dead().update(state=InboxState.DUE, attempts=0, next_attempt_at=Now())
    logger.info("Dead letters made due again", extra={"events": retried, "by": by})
    return retried


def drop(entry_id: int, *, reason: str, by: str) -> None:
    """Give a dead letter up, and keep who did it and why. The event stays known: it is not taken in again.

    Raises NotDead.
    """
    dead = IncomingEvent.objects.dead().filter(pk=entry_id)
    told = f"Dropped by {by}: {reason}"
    if not dead.update(state=InboxState.DROPPED, settled_at=Now(), body=None, last_error=told):
        raise NotDead(f"No dead letter has the id {entry_id}. `inbox status` lists them.")
    logger.warning("Dead letter is dropped", extra={"entry": entry_id, "by": by, "reason": reason})
