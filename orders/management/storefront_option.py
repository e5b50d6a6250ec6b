"""`--storefront CODE`, as several commands take it."""

from __future__ import annotations

from django.core.management.base import CommandError, CommandParser

from orders.models import Storefront


def add_storefront_option(parser: CommandParser) -> None:
    parser.add_argument("--storefront", metavar="CODE", help="only the orders of this storefront")


def storefront_of(code: str | None, *, returncode: int = 1) -> Storefront | None:
    """None without a code. Raises CommandError when no storefront has it."""
    return None if code is None else storefront_named(code, returncode=returncode)


def storefront_named(code: str, *, returncode: int = 1) -> Storefront:
    """Raises CommandError when no storefront has the code."""
    storefront: Storefront | None = Storefront.objects.filter(code=code).first()
    if storefront is None:
        codes = ", ".join(Storefront.objects.values_list("code", flat=True)) or "none yet"
        raise CommandError(f"There is no storefront {code!r}. There are: {codes}.", returncode=returncode)
    return storefront
