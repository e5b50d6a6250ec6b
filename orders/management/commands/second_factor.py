"""`manage.py second_factor`: who of the staff has one, and the way back for somebody who has lost theirs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.operator import operator_of
from orders.models.second_factors import authenticator_of, is_required_of, recovery_codes_left, remove


class Command(BaseCommand):
    help = (
        "List the second factors of staff, or reset one: the authenticator and the recovery codes are forgotten, and "
        "whoever has to have one (SECOND_FACTOR_GROUPS) sets up another at the next sign-in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions: Any = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="show who has one, and who still has to set one up")
        reset = actions.add_parser("reset", help="forget somebody's authenticator and recovery codes")
        reset.add_argument("username")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _list(self, **options: Any) -> None:
        for user in User.objects.filter(is_staff=True, is_active=True).order_by("username"):
            self.stdout.write(f"{user.get_username()}  {_state_of(user)}")

    def _reset(self, *, username: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}; `manage.py second_factor list` shows the staff.")
        done = remove(user, by=operator_of("second_factor"))
        self.stdout.write(f"Reset the second factor of {username}." if done else f"{username} has none.")


def _state_of(user: User) -> str:
    authenticator = authenticator_of(user)
    if authenticator is None:
        return "has to set one up" if is_required_of(user) else "none"
    return f"set up {authenticator.created_at:%Y-%m-%d}, {recovery_codes_left(user)} recovery codes left"
