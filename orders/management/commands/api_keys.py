"""`manage.py api_keys`: make, list, rotate and revoke the keys of storefronts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit.operator import operator_of
from orders.api.keys import make_key, revoke_key, rotate_key
from orders.management.numbers import MOST_DAYS, number, whole_number
from orders.management.storefront_option import storefront_named, storefront_of
from orders.models import ApiKey
from orders.rules.scopes import Scope

_MOST_NAME: Final = ApiKey._meta.get_field("name").max_length or 0


class Command(BaseCommand):
    help = "Make, list, rotate and revoke the API keys of storefronts."

    def add_arguments(self, parser: CommandParser) -> None:
        actions: Any = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key and show it, once")
        create.add_argument("storefront", help="code of the storefront")
        create.add_argument("--name", default="API key")
        create.add_argument("--scopes", default=",".join(Scope.values), help="comma-separated; default: all")
        create.add_argument("--days", type=whole_number(1, MOST_DAYS), help="days until it expires; default: never")
        listing = actions.add_parser("list", help="show the keys there are")
        listing.add_argument("--storefront")
        rotate = actions.add_parser("rotate", help="make a successor; the old key works a while longer")
        rotate.add_argument("prefix", help="the eight characters before the dot of the old key")
        rotate.add_argument("--overlap-hours", type=number(0, 24 * MOST_DAYS), default=24.0)
        revoke = actions.add_parser("revoke", help="end a key now")
        revoke.add_argument("prefix")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _create(self, *, storefront: str, name: str, scopes: str, days: int | None, **options: Any) -> None:
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        if unknown := sorted(set(wanted) - set(Scope.values)):
            raise CommandError(f"Unknown scopes: {', '.join(unknown)}. There are: {', '.join(Scope.values)}.")
        if not wanted:
            raise CommandError(f"A key without scopes can do nothing. There are: {', '.join(Scope.values)}.")
        if not 1 <= len(name) <= _MOST_NAME:
            raise CommandError(f"The name has {len(name)} characters; it can have 1 to {_MOST_NAME}.")
        owner = storefront_named(storefront)
        expires_at = timezone.now() + timedelta(days=days) if days is not None else None
        _, key = make_key(owner, name=name, scopes=wanted, expires_at=expires_at, by=operator_of("api_keys"))
        self._show(key)

    def _list(self, *, storefront: str | None, **options: Any) -> None:
        keys = ApiKey.objects.select_related("storefront").order_by("storefront__code", "created")
        owner = storefront_of(storefront)
        for key in keys.filter(storefront=owner) if owner else keys:
            state = "revoked" if key.revoked else _until(key.expiry_date)
            self.stdout.write(f"{key.prefix}  {key.storefront.code}  {key.name}  {','.join(key.scopes)}  {state}")

    def _rotate(self, *, prefix: str, overlap_hours: float, **options: Any) -> None:
        old = self._find(prefix)
        _, key = rotate_key(old, overlap=timedelta(hours=overlap_hours), by=operator_of("api_keys"))
        self.stderr.write(f"The key {prefix} works until {old.expiry_date:%Y-%m-%d %H:%M} UTC.")
        self._show(key)

    def _revoke(self, *, prefix: str, **options: Any) -> None:
        revoke_key(self._find(prefix), by=operator_of("api_keys"))
        self.stdout.write(f"Revoked {prefix}.")

    def _find(self, prefix: str) -> ApiKey:
        key: ApiKey | None = ApiKey.objects.filter(prefix=prefix).first()
        if key is None:
            raise CommandError(f"There is no key with the prefix {prefix!r}; `manage.py api_keys list` shows them.")
        return key

    def _show(self, key: str) -> None:
        self.stderr.write("The new key, shown this once:")
        self.stdout.write(key)


def _until(expires_at: datetime | None) -> str:
    if expires_at is None:
        return "active"
    return f"{'expired' if expires_at <= timezone.now() else 'active until'} {expires_at:%Y-%m-%d %H:%M}"
