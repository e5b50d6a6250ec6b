import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events import parked
from events.lag import queued_sinks, relay_lag
from events.models import OutboxEntry
from events.sinks import enabled_sinks

_MOST_LISTED = 100_000


class Command(BaseCommand):
    help = "Shows what the sinks have still to get, tries parked events again, or skips one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)

        status = actions.add_parser("status", help="how far behind each sink is, and the parked entries")
        status.add_argument("--limit", type=int, default=50, help="most entries to list (%(default)s)")

        retry = actions.add_parser("retry", help="make failed entries due again")
        which = retry.add_mutually_exclusive_group(required=True)
        which.add_argument("entries", type=int, nargs="*", default=[], metavar="ENTRY", help="ids of entries")
        which.add_argument("--all", action="store_true", help="every failed entry")
        retry.add_argument("--sink", metavar="NAME", help="of this sink only")

        skip = actions.add_parser("skip", help="give up a parked entry; the rest of its stream goes on")
        skip.add_argument("entry", type=int, metavar="ENTRY", help="id of a parked entry")
        skip.add_argument("--reason", required=True, help="why; is kept")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "status":
            self._status(limit=options["limit"])
        elif action == "retry":
            self._retry(options["entries"], sink=options["sink"])
        else:
            self._skip(options["entry"], reason=options["reason"])

    def _status(self, *, limit: int) -> None:
        if not 0 <= limit <= _MOST_LISTED:
            raise CommandError(f"--limit is {limit}; it must be 0 to {_MOST_LISTED}.")
        for sink, lag in sorted(relay_lag().items()):
            self.stdout.write(f"{sink}: oldest due event {lag.seconds:.1f} s, {lag.parked} parked")
        for sink in sorted(set(queued_sinks()) - set(enabled_sinks())):
            self.stdout.write(f"{sink}: not enabled, but events wait for it", self.style.WARNING)
        for entry in OutboxEntry.objects.parked().order_by("id")[:limit]:
            self.stdout.write(
                f"  entry {entry.pk}: event {entry.event_id}, {entry.sequence} of {entry.stream_id}, "
                f"for {entry.sink}, after {entry.attempts} attempts: {entry.last_error}"
            )

    def _retry(self, ids: list[int], *, sink: str | None) -> None:
        entries = OutboxEntry.objects.filter(pk__in=ids) if ids else OutboxEntry.objects.all()
        if sink is not None:
            entries = entries.filter(sink=sink)
        retried = parked.retry(entries, by=getpass.getuser())
        self.stdout.write(f"Made {retried} failed entries due again.", self.style.SUCCESS)

    def _skip(self, entry: int, *, reason: str) -> None:
        if not reason.strip():
            raise CommandError("The reason is empty; it is kept, for whoever asks later why the event is missing.")
        try:
            skipped = parked.skip(entry, reason=reason, by=getpass.getuser())
        except parked.EntryNotParked as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Skipped event {skipped.event_id} for {skipped.sink}.", self.style.SUCCESS)
