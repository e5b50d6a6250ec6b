import getpass
import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from events import parked
from events.lag import queued_sinks, relay_lag
from events.management.moments import moment
from events.models import OutboxEntry
from events.replaying import Selection, replay
from events.sinks import enabled_sinks

_MOST_LISTED = 100_000
_MOST_A_SECOND = 100_000


class Command(BaseCommand):
    help = "Shows what the sinks have still to get, tries parked events again, skips one, or sends the past once more."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)

        status = actions.add_parser("status", help="how far behind each sink is, and the parked entries")
        status.add_argument("--sink", metavar="NAME", help="of this sink only")
        status.add_argument("--limit", type=int, default=50, help="most entries to list (%(default)s)")

        retry = actions.add_parser("retry", help="make failed entries due again")
        which = retry.add_mutually_exclusive_group(required=True)
        which.add_argument("entries", type=int, nargs="*", default=[], metavar="ENTRY", help="ids of entries")
        which.add_argument("--all", action="store_true", help="every failed entry")
        retry.add_argument("--sink", metavar="NAME", help="of this sink only")
        _add_selection(retry)
        retry.add_argument("--dry-run", action="store_true", help="tell how many, and do nothing")

        replay = actions.add_parser("replay", help="send events of the log to a sink once more, in order")
        replay.add_argument("--sink", required=True, metavar="NAME", help="to this sink")
        _add_selection(replay)
        replay.add_argument("--all", action="store_true", help="all there are, when nothing else says which")
        replay.add_argument(
            "--rate", type=int, default=500, metavar="EVENTS", help="at most so many a second (%(default)s)"
        )
        replay.add_argument("--dry-run", action="store_true", help="tell how many, and do nothing")

        skip = actions.add_parser("skip", help="give up a parked entry; the rest of its stream goes on")
        skip.add_argument("entry", type=int, metavar="ENTRY", help="id of a parked entry")
        skip.add_argument("--reason", required=True, help="why; is kept")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "status":
            self._status(sink=options["sink"], limit=options["limit"])
        elif action == "retry":
            self._retry(options["entries"], options)
        elif action == "replay":
            self._replay(options)
        else:
            self._skip(options["entry"], reason=options["reason"])

    def _status(self, *, sink: str | None, limit: int) -> None:
        if not 0 <= limit <= _MOST_LISTED:
            raise CommandError(f"--limit is {limit}; it must be 0 to {_MOST_LISTED}.", returncode=2)
        for name, lag in sorted(relay_lag().items()):
            if sink in (None, name):
                self.stdout.write(f"{name}: oldest due event {lag.seconds:.1f} s, {lag.parked} parked")
        for name in sorted(set(queued_sinks()) - set(enabled_sinks())):
            if sink in (None, name):
                self.stdout.write(f"{name}: not enabled, but events wait for it", self.style.WARNING)
        parked_entries = OutboxEntry.objects.parked()
        if sink is not None:
            parked_entries = parked_entries.filter(sink=sink)
        for entry in parked_entries.order_by("id")[:limit]:
            self.stdout.write(
                f"  entry {entry.pk}: event {entry.event_id}, {entry.sequence} of {entry.stream_id}, "
                f"for {entry.sink}, after {entry.attempts} attempts: {entry.last_error}"
            )

    def _retry(self, ids: list[int], options: dict[str, Any]) -> None:
        entries = OutboxEntry.objects.filter(pk__in=ids) if ids else OutboxEntry.objects.all()
        if options["sink"] is not None:
            entries = entries.filter(sink=options["sink"])
        selection = _selected(options)
        if not selection.is_everything:
            entries = entries.filter(event_id__in=selection.events().values("pk"))
        if options["dry_run"]:
            self.stdout.write(f"{entries.held().count()} failed entries would be due again.")
            return
        retried = parked.retry(entries, by=getpass.getuser())
        self.stdout.write(f"Made {retried} failed entries due again.", self.style.SUCCESS)

    def _replay(self, options: dict[str, Any]) -> None:
        sink, selection, rate = options["sink"], _selected(options), options["rate"]
        if sink not in enabled_sinks():
            enabled = ", ".join(enabled_sinks()) or "none"
            raise CommandError(
                f"The sink {sink!r} is not enabled, so nobody would send it anything. Enabled: {enabled}."
            )
        if selection.is_everything and not options["all"]:
            raise CommandError("Say which events: --order, --type, --storefront, --since, --until; or --all of them.")
        if not 1 <= rate <= _MOST_A_SECOND:
            raise CommandError(f"--rate is {rate}; it must be 1 to {_MOST_A_SECOND:,}.", returncode=2)
        if options["dry_run"]:
            self.stdout.write(f"{selection.events().count():,} events would be sent to {sink} once more.")
            return
        count = 0
        with _stopped_by_signals() as stop:
            for queued in replay(sink, selection, per_second=rate, by=getpass.getuser(), stop=stop):
                count += queued
        ended = "Stopped: " if stop.is_set() else ""
        self.stdout.write(f"{ended}{count:,} events are queued for {sink} once more.", self.style.SUCCESS)

    def _skip(self, entry: int, *, reason: str) -> None:
        if not reason.strip():
            raise CommandError("The reason is empty; it is kept, for whoever asks later why the event is missing.")
        try:
            skipped = parked.skip(entry, reason=reason, by=getpass.getuser())
        except parked.EntryNotParked as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Skipped event {skipped.event_id} for {skipped.sink}.", self.style.SUCCESS)


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _add_selection(parser: ArgumentParser) -> None:
    which = parser.add_argument_group("which events; what is given twice means either")
    which.add_argument("--order", type=_uuid, action="append", default=[], metavar="ID", help="of this order")
    which.add_argument("--type", action="append", default=[], metavar="TYPE", help="such as order.created")
    which.add_argument("--storefront", action="append", default=[], metavar="CODE", help="of this storefront")
    which.add_argument("--since", type=moment, metavar="TIME", help="such as 2026-03-01T00:00:00Z")
    which.add_argument("--until", type=moment, metavar="TIME", help="before this time")


def _selected(options: dict[str, Any]) -> Selection:
    return Selection(
        streams=options["order"],
        types=options["type"],
        sources=[f"/storefronts/{code}" for code in options["storefront"]],
        since=options["since"],
        until=options["until"],
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not the id of an order") from None
