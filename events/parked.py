"""What a person can do about events that failed: try them again, or let the sink go without."""

import logging

from django.db import transaction
from django.db.models import QuerySet

from events.models import OutboxEntry, SkippedEvent

logger = logging.getLogger(__name__)


class EntryNotParked(LookupError):
    """There is no parked entry of that id."""


def retry(entries: QuerySet[OutboxEntry], *, by: str) -> int:
    """Make the failed ones of the entries due again, no attempt counted. Return how many they were."""
    retried = entries.filter(next_attempt_at__isnull=False).update(next_attempt_at=None, attempts=0)
    logger.info("Failed outbox entries made due again", extra={"entries": retried, "by": by})
    return retried


def skip(entry_id: int, *, reason: str, by: str) -> SkippedEvent:
    """Give up a parked entry, so that the later events of its stream go on, and keep who did it and why.

    Raises EntryNotParked: only what the relay has given up can be skipped.
    """
    with transaction.atomic():
        entry = OutboxEntry.objects.select_for_update().parked().filter(pk=entry_id).first()
        if entry is None:
            raise EntryNotParked(f"No parked entry has the id {entry_id}. `outbox status` lists the parked entries.")
        skipped = SkippedEvent.objects.create(
            event_id=entry.event_id,
            sink=entry.sink,
            storefront_id=entry.storefront_id,
            stream_id=entry.stream_id,
            sequence=entry.sequence,
            last_error=entry.last_error,
            reason=reason,
            skipped_by=by,
        )
        entry.delete()
    logger.warning(
        "Event is skipped for a sink",
        extra={"event_id": str(skipped.event_id), "sink": skipped.sink, "by": by, "reason": reason},
    )
    return skipped
