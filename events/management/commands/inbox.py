import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events.inbox import dead_letters
from events.inbox.models import IncomingEvent
from events.inbox.standing import inbox_standing

_MOST_LISTED = 100_000


class Command(BaseCommand):
    help = "Shows which incoming events wait and which are dead letters, tries dead letters again, or drops one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)

        status = actions.add_parser("status", help="what waits, and the dead letters")
        status.add_argument("--limit", type=int, default=50, help="most dead letters to list (%(default)s)")

        retry = actions.add_parser("retry", help="make dead letters due again")
        which = retry.add_mutually_exclusive_group(required=True)
        which.add_argument("entries", type=int, nargs="*", default=[], metavar="ENTRY", help="ids of entries")
        which.add_argument("--all", action="store_true", help="every dead letter")
        retry.add_argument("--type", action="append", default=[], metavar="TYPE", help="of this type only")
        retry.add_argument("--dry-run", action="store_true", help="tell how many, and do nothing")

        drop = actions.add_parser("drop", help="give a dead letter up")
        drop.add_argument("entry", type=int, metavar="ENTRY", help="id of a dead letter")
        drop.add_argument("--reason", required=True, help="why; is kept")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "status":
            self._status(limit=options["limit"])
        elif action == "retry":
            self._retry(options["entries"], types=options["type"], dry_run=options["dry_run"])
        else:
            self._drop(options["entry"], reason=options["reason"])

    def _status(self, *, limit: int) -> None:
        if not 0 <= limit <= _MOST_LISTED:
            raise CommandError(f"--limit is {limit}; it must be 0 to {_MOST_LISTED}.", returncode=2)
        standing = inbox_standing()
        self.stdout.write(
            f"{standing.due} wait, the oldest due for {standing.seconds:.1f} s; {standing.dead} dead letters; "
            f"{standing.stale} dropped as stale."
        )
        for event in IncomingEvent.objects.dead().order_by("id")[:limit]:
            self.stdout.write(
                f"  entry {event.pk}: {event} from {event.source or event.came_by}, after {event.attempts} tries: "
                f"{event.last_error}"
            )

    def _retry(self, ids: list[int], *, types: list[str], dry_run: bool) -> None:
        events = IncomingEvent.objects.filter(pk__in=ids) if ids else IncomingEvent.objects.all()
        if types:
            events = events.filter(type__in=types)
        if dry_run:
            self.stdout.write(f"{events.dead().count()} dead letters would be due again.")
            return
        retried = dead_letters.retry(events, by=getpass.getuser())
        self.stdout.write(f"Made {retried} dead letters due again.", self.style.SUCCESS)

    def _drop(self, entry: int, *, reason: str) -> None:
        if not reason.strip():
            raise CommandError("The reason is empty; it is kept, for whoever asks later what became of the event.")
        try:
            dead_letters.drop(entry, reason=reason, by=getpass.getuser())
        except dead_letters.NotDead as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Dropped entry {entry}.", self.style.SUCCESS)
