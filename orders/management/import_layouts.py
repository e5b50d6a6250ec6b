"""How a file of orders is to be read: what the options of `import_orders` mean together."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from django.core.management.base import CommandError
from django.utils import timezone

from orders.importing.lines import StorefrontCode
from orders.importing.profiles import PROFILES, Export
from orders.importing.profiles.shop import Shop
from orders.importing.rows import Layout
from orders.importing.spreadsheets import Spreadsheet

GENERIC: Final = "generic"


def layout_of(
    file: str,
    *,
    given_format: str | None,
    profile: str,
    storefront: str | None,
    time_zone: str | None,
    tax: str | None,
) -> Layout | None:
    """None for NDJSON. Raises CommandError for options that do not go together, or mean nothing that there is."""
    if profile == GENERIC:
        if storefront or time_zone or tax:
            raise CommandError(
                "--storefront, --time-zone and --tax are for exports of other systems: name one with --profile."
            )
        return Spreadsheet() if (given_format or _format_of(file)) == "csv" else None
    if given_format == "ndjson":
        raise CommandError(f"An export of {profile} is not NDJSON: leave --format out.")
    if storefront is None:
        raise CommandError(f"An export of {profile} does not tell whose orders it has: name the --storefront.")
    try:
        msgspec.convert(storefront, StorefrontCode)
    except msgspec.ValidationError:
        raise CommandError(
            f"--storefront is {storefront!r}; expected lower-case letters, digits and single dashes, at most 40."
        ) from None
    try:
        zone = ZoneInfo(time_zone) if time_zone is not None else timezone.get_default_timezone()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CommandError(
            f"--time-zone is {time_zone!r}; expected a name of the IANA time zone database, such as Europe/Berlin."
        ) from None
    return Export(PROFILES[profile], Shop(storefront, zone, None if tax is None else tax == "included"))


def refuse_unknown_encoding(encoding: str | None, layout: Layout | None) -> None:
    """Raises CommandError for an encoding that there is not, or that does not keep line ends as they are in ASCII."""
    if encoding is None:
        return
    if layout is None:
        raise CommandError("NDJSON is UTF-8 (RFC 8259): leave --encoding out.")
    try:
        known = b'\r\n\t,;"'.decode(encoding) == '\r\n\t,;"'
    except (LookupError, UnicodeError):
        known = False
    if not known:
        raise CommandError(f"--encoding is {encoding!r}; expected one that has ASCII in it, such as utf-8 or cp1252.")


def _format_of(file: str) -> str:
    return "csv" if file.lower().endswith(".csv") else "ndjson"
