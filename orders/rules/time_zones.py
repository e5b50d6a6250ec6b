"""The time zones staff can read their times in. Orders, events and the API have times in UTC alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.core.exceptions import ValidationError

UTC_NAME: Final = "UTC"
LONGEST_ZONE: Final = 64

# Named for a place, as people look for it; the others are old names of these, or offsets without a place.
_OF_PLACES: Final = re.compile(
    r"(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Za-z_/-]+"
)


@cache
def zone_names() -> tuple[str, ...]:
    """All that can be chosen, UTC first."""
    return (UTC_NAME, *sorted(filter(_OF_PLACES.fullmatch, available_timezones())))


def check_zone(name: str) -> None:
    """Raises ValidationError for what is no time zone that can be chosen."""
    if name not in zone_names():
        raise ValidationError(f"“{name}” is no time zone; write one such as Australia/Sydney, or UTC.")


def zone_called(name: str) -> tzinfo:
    """UTC where this host knows none of that name (any more)."""
    if name == UTC_NAME or not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def name_of(zone: tzinfo) -> str:
    """Australia/Sydney."""
    return str(zone) if isinstance(zone, ZoneInfo) else UTC_NAME


def place_of(zone: tzinfo) -> str:
    """As it stands over a column: Sydney."""
    return name_of(zone).rpartition("/")[2].replace("_", " ")


def short_name(moment: datetime) -> str:
    """The zone of an aware time at that time: AEDT; where it has no letters, UTC-03:00."""
    name, offset = moment.tzname() or "", f"{moment:%z}"
    return name if name.isalpha() else f"UTC{offset[:3]}:{offset[3:5]}"
