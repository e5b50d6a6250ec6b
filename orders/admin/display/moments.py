"""Times as staff read them: in their own time zone or their storefront's, with UTC in reach of the pointer.

The zone of a request is Django's current one; `orders_project/time_zones.py` sets it. The filters here are built into
every template.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.rules.time_zones import name_of, place_of, short_name, zone_called, zone_names

register = template.Library()

# As the log of changes keeps a time.
_KEPT: Final = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\b")


def zone_choices() -> list[tuple[str, Any]]:
    """For a select: UTC, then the places of each part of the world."""
    first, *names = zone_names()
    parts: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        part, _, place = name.partition("/")
        parts.setdefault(part, []).append((name, place.replace("_", " ")))
    return [(first, first), *parts.items()]


def activate(name: str) -> None:
    """From here to the end of the request times are those of this zone."""
    timezone.activate(zone_called(name))


def zone_name() -> str:
    """Australia/Sydney."""
    return name_of(timezone.get_current_timezone())


def zone_place() -> str:
    """Sydney."""
    return place_of(timezone.get_current_timezone())


def in_words(moment: datetime, *, seconds: bool = False) -> str:
    """Within a sentence: 2026-12-01 08:47 AEDT."""
    local = timezone.localtime(moment)
    return f"{_written(local, seconds=seconds)} {short_name(local)}"


def _written(local: datetime, *, seconds: bool) -> str:
    return f"{local:%Y-%m-%d %H:%M:%S}" if seconds else f"{local:%Y-%m-%d %H:%M}"


def _tagged(moment: datetime, text: str) -> SafeString:
    utc = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>', f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S}", text
    )


@register.filter
def when(moment: datetime | None, precision: str = "minutes") -> SafeString | str:
    """Under a heading that says the zone: 2026-12-01 08:47. `precision` is minutes or seconds."""
    if moment is None:
        return ""
    return _tagged(moment, _written(timezone.localtime(moment), seconds=precision == "seconds"))


@register.filter
def moment(moment: datetime | None, precision: str = "minutes") -> SafeString | str:
    """By itself: 2026-12-01 08:47 AEDT."""
    return _tagged(moment, in_words(moment, seconds=precision == "seconds")) if moment else ""


@register.filter
def kept_moments(text: str) -> str:
    """A text of the log of changes, with its times in the reader's zone."""
    return _KEPT.sub(_read_anew, text)


def _read_anew(kept: re.Match[str]) -> str:
    try:
        at = datetime.strptime(kept[0], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    except ValueError:  # what somebody typed
        return kept[0]
    return in_words(at, seconds=True)


@register.filter
def day(moment: datetime | None) -> SafeString | str:
    """2026-12-01."""
    return _tagged(moment, f"{timezone.localtime(moment):%Y-%m-%d}") if moment else ""


@register.filter
def clock(moment: datetime) -> str:
    """Of today: 08:47:03 AEDT."""
    local = timezone.localtime(moment)
    return f"{local:%H:%M:%S} {short_name(local)}"


@register.simple_tag
def in_zone() -> str:
    """For headings: Sydney."""
    return zone_place()
