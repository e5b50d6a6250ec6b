import logging
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events.inbox.consumer import Consumer
from events.inbox.sources import build_source, enabled_sources
from events.inbox.sources.protocol import SourceDown
from events.stopping import stop_on_signals

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Takes events in from the sources of EVENT_SOURCES, and handles each once. Any number of consumers may run; "
        "SIGTERM or Ctrl-C ends one cleanly."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="end when the sources have nothing more and nothing is due"
        )
        parser.add_argument("--source", metavar="NAME", help="read this source only (default: all enabled)")

    def handle(self, *args: Any, once: bool, source: str | None, **options: Any) -> None:
        enabled = enabled_sources()
        if source is not None and source not in enabled:
            raise CommandError(
                f"The source {source!r} is not enabled. EVENT_SOURCES enables: {', '.join(enabled) or 'none'}."
            )
        names = [source] if source else enabled
        # Without any, what is due still has to be handled.
        consumers = {name: Consumer(name, build_source(name)) for name in names} or {"no source": Consumer("", None)}
        stop = stop_on_signals()
        if once:
            self._drain(consumers, stop)
        else:
            self._run(consumers, stop)

    def _drain(self, consumers: dict[str, Consumer], stop: threading.Event) -> None:
        for name, consumer in consumers.items():
            try:
                consumer.drain(stop)
            except SourceDown as error:
                raise CommandError(
                    f"Source {name} is down; {consumer.stored} events were taken in first. {error}"
                ) from error
            self._tell(name, consumer)

    def _run(self, consumers: dict[str, Consumer], stop: threading.Event) -> None:
        """A thread for each source, so that a slow one delays no other."""
        crashes: list[str] = []

        def run(name: str, consumer: Consumer) -> None:
            try:
                consumer.run(stop)
            except Exception:
                logger.exception("Consumer crashed", extra={"source": name})
                crashes.append(name)
                stop.set()

        threads = [threading.Thread(target=run, args=item, name=f"consumer-{item[0]}") for item in consumers.items()]
        for thread in threads:
            thread.start()
        self.stderr.write(f"Consuming events from {', '.join(consumers)}.", self.style.SUCCESS)
        for thread in threads:
            thread.join()
        for name, consumer in consumers.items():
            self._tell(name, consumer)
        if crashes:
            raise CommandError(f"The consumer of {', '.join(crashes)} crashed; the log says where. Start it again.")

    def _tell(self, name: str, consumer: Consumer) -> None:
        self.stderr.write(f"Took in {consumer.stored} events from {name}, tried {consumer.tried}.", self.style.SUCCESS)
