from argparse import ArgumentParser
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from events.management.moments import moment
from events.webhooks import redelivering
from events.webhooks.endpoints import EndpointDisabled
from events.webhooks.models import WebhookEndpoint


class Command(BaseCommand):
    help = "Lists the webhook endpoints, or sends one of them again what happened in a time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="every endpoint, with its id")
        again = actions.add_parser("redeliver", help="send again what happened, or what of it was given up")
        again.add_argument("endpoint", type=UUID, metavar="ENDPOINT", help="id of an endpoint")
        again.add_argument("--since", type=moment, required=True, metavar="TIME", help="such as 2026-03-01T00:00:00Z")
        again.add_argument("--until", type=moment, metavar="TIME", help="before this time (default: now)")
        again.add_argument("--only-failed", action="store_true", help="of that time only what was given up")
        again.add_argument("--dry-run", action="store_true", help="tell how many, and do nothing")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "list":
            self._list()
        else:
            self._redeliver(options["endpoint"], options["since"], options["until"] or timezone.now(), options)

    def _list(self) -> None:
        for endpoint in WebhookEndpoint.objects.not_deleted().order_by("source", "pk"):
            state = "enabled" if endpoint.enabled else f"disabled: {endpoint.get_disabled_because_display()}"
            self.stdout.write(f"{endpoint.pk}  {endpoint.source.rpartition('/')[2]}  {endpoint.url}  {state}")

    def _redeliver(self, endpoint_id: UUID, since: datetime, until: datetime, options: dict[str, Any]) -> None:
        endpoint = WebhookEndpoint.objects.not_deleted().filter(pk=endpoint_id).first()
        if endpoint is None:
            raise CommandError(f"There is no endpoint {endpoint_id}. `webhooks list` tells those there are.")
        dry_run = options["dry_run"]
        try:
            told = redelivering.redeliver(
                endpoint, since=since, until=until, only_failed=options["only_failed"], dry_run=dry_run
            )
        except EndpointDisabled as error:
            raise CommandError(str(error)) from error
        done = "would be sent again" if dry_run else "are sent again"
        self.stdout.write(f"{told.queued:,} events {done} to {endpoint.url}.", self.style.SUCCESS)
        if told.go_on_since is not None:
            self.stdout.write(f"There are more: go on with --since {told.go_on_since.isoformat()}.")
