"""`manage.py queues`: what waits for somebody."""

from __future__ import annotations

from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from orders.management.database_trouble import trouble_in_words
from orders.management.storefront_option import add_storefront_option, storefront_of
from orders.models import Storefront
from orders.reading.queues import MOST_COUNTED, QUEUES, View


class Command(BaseCommand):
    help = (
        "Show how much waits for somebody: orders to be confirmed and shipped, refunds and returns to be decided, what "
        "is on hold, parked or has failed. These are the queues of the back office's first page. Counting ends at "
        f"{MOST_COUNTED} in each, which then reads {MOST_COUNTED}+. It only reads."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_storefront_option(parser)
        parser.add_argument(
            "--json",
            action="store_true",
            help='one JSON document: of each queue its "key", "title", "count" and whether there is "more"',
        )

    def handle(self, *args: Any, storefront: str | None, json: bool, **options: Any) -> None:
        try:
            owner = storefront_of(storefront)
            view = View((owner,) if owner else tuple(Storefront.objects.all()), limited=owner is not None)
            found = [(queue, queue.counts(view)) for queue in QUEUES if queue.everybodys or owner is None]
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(trouble_in_words(error)) from error
        if json:
            queues = [
                {"key": queue.key, "title": queue.title, "count": counted.number, "more": counted.more}
                for queue, counted in found
            ]
            self.stdout.write(orjson.dumps({"queues": queues}, option=orjson.OPT_INDENT_2).decode())
            return
        width = max(len(str(counted)) for _, counted in found)
        for queue, counted in found:
            self.stdout.write(f"{str(counted).rjust(width)}  {queue.title}")
