import logging
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from events.lag import queued_sinks
from events.lag_lines import LagLines
from events.queue import QueueMismatch
from events.relay import Relay
from events.sinks import build_sink, configured_sinks, enabled_sinks
from events.sinks.protocol import SinkDown
from events.stopping import stop_on_signals
from events.webhooks.worker import WebhookWorker

_MOST_BATCH = 10_000

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Brings events to the sinks of EVENT_SINKS, each event at least once and in order within its stream, and sends "
        "webhooks. "
        "Any number of relays may run; SIGTERM or Ctrl-C ends one cleanly."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="end when nothing is due any more")
        parser.add_argument("--sink", metavar="NAME", help="serve this sink only (default: all enabled, and webhooks)")
        parser.add_argument("--batch", type=int, default=500, help="most events in one transaction (%(default)s)")

    def handle(self, *args: Any, once: bool, sink: str | None, batch: int, **options: Any) -> None:
        enabled = enabled_sinks()
        if sink is not None and sink not in enabled:
            raise CommandError(
                f"The sink {sink!r} is not enabled. EVENT_SINKS enables: {', '.join(enabled) or 'none'}."
            )
        if not 1 <= batch <= _MOST_BATCH:
            raise CommandError(f"--batch is {batch}; it must be 1 to {_MOST_BATCH}.", returncode=2)
        self._warn_of_forgotten_sinks(enabled)
        personal = {configured.name for configured in configured_sinks() if configured.personal}
        relays = {
            name: Relay(name, build_sink(name), batch=batch, personal=name in personal)
            for name in ([sink] if sink else enabled)
        }
        webhooks = None if sink else WebhookWorker()
        stop = stop_on_signals()
        if once:
            self._drain(relays, stop)
            if webhooks is not None:
                self._drain_webhooks(webhooks, stop)
        else:
            self._run(relays, webhooks, stop)

    def _drain(self, relays: dict[str, Relay], stop: threading.Event) -> None:
        for name, relay in relays.items():
            try:
                published = relay.drain(stop)
            except SinkDown as error:
                raise CommandError(
                    f"Sink {name} is down; {relay.published} events were published first. {error}"
                ) from error
            except QueueMismatch as error:
                raise CommandError(f"Nothing of this batch to {name} was settled; run it again. {error}") from error
            self.stderr.write(f"Published {published} events to {name}.", self.style.SUCCESS)

    def _drain_webhooks(self, webhooks: WebhookWorker, stop: threading.Event) -> None:
        webhooks.drain(stop)
        if webhooks.delivered or webhooks.failed:
            self._tell_webhooks(webhooks)

    def _tell_webhooks(self, webhooks: WebhookWorker) -> None:
        failed = f"; {webhooks.failed} attempts failed" if webhooks.failed else ""
        self.stderr.write(f"Delivered {webhooks.delivered} webhooks{failed}.", self.style.SUCCESS)

    def _run(self, relays: dict[str, Relay], webhooks: WebhookWorker | None, stop: threading.Event) -> None:
        """A thread for each sink, so that a slow one delays no other, and one that begins the turns of webhooks."""
        crashes: list[str] = []

        def run(name: str, relay: Relay | WebhookWorker | LagLines) -> None:
            try:
                relay.run(stop)
            except Exception:
                logger.exception("Relay crashed", extra={"sink": name})
                crashes.append(name)
                stop.set()

        served: dict[str, Relay | WebhookWorker | LagLines] = {**relays}
        if webhooks is not None:
            served["webhooks"] = webhooks
        if settings.CLOUDWATCH_NAMESPACE:
            served["lag lines"] = LagLines()
        threads = [threading.Thread(target=run, args=item, name=f"relay-{item[0]}") for item in served.items()]
        for thread in threads:
            thread.start()
        self.stderr.write(f"Relaying events to {', '.join(relays) or 'no sink'}.", self.style.SUCCESS)
        for thread in threads:
            thread.join()
        for name, relay in relays.items():
            self.stderr.write(f"Published {relay.published} events to {name}.", self.style.SUCCESS)
        if webhooks is not None:
            self._tell_webhooks(webhooks)
        if crashes:
            raise CommandError(f"The relay to {', '.join(crashes)} crashed; the log says where. Start it again.")

    def _warn_of_forgotten_sinks(self, enabled: list[str]) -> None:
        try:
            queued = queued_sinks()
        except DatabaseError:
            return  # the relays wait for the database, and say so
        for name in queued:
            if name not in enabled:
                self.stderr.write(
                    f"Events wait for the sink {name!r}, which is not in EVENT_SINKS: no relay serves them."
                )
