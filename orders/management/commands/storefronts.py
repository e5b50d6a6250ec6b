"""`manage.py storefronts`: list them, switch one off at once, and on again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.operator import operator_of
from orders.api.switching import switch_off, switch_on
from orders.management.storefront_option import storefront_named
from orders.models import Storefront
from orders.models.storefronts import MOST_REASON


class Command(BaseCommand):
    help = (
        "List the storefronts, switch one off at once or on again. While it is off its keys are refused, on every "
        "worker within API_KEY_CACHE_SECONDS; staff still read and work."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions: Any = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="show the storefronts there are")
        off = actions.add_parser("off", help="refuse all keys of a storefront")
        off.add_argument("storefront", help="code of the storefront")
        off.add_argument("--reason", required=True, metavar="TEXT", help="why; told to whoever calls")
        on = actions.add_parser("on", help="accept its keys again")
        on.add_argument("storefront", help="code of the storefront")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _list(self, **options: Any) -> None:
        for storefront in Storefront.objects.all():
            self.stdout.write(f"{storefront.code}  {storefront.name}  {storefront.state_in_words}")

    def _off(self, *, storefront: str, reason: str, **options: Any) -> None:
        reason = reason.strip()
        if not 1 <= len(reason) <= MOST_REASON:
            raise CommandError(f"The reason has {len(reason)} characters; it can have 1 to {MOST_REASON}.")
        done = switch_off(storefront_named(storefront), by=operator_of("storefronts"), reason=reason)
        self.stdout.write(f"Switched {storefront} off." if done else f"{storefront} was off already.")

    def _on(self, *, storefront: str, **options: Any) -> None:
        done = switch_on(storefront_named(storefront), by=operator_of("storefronts"))
        self.stdout.write(f"Switched {storefront} on." if done else f"{storefront} was on already.")
