"""Do the sums of what was sold on each day tell what the orders tell?"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from orders.doctor.extent import Extent
from orders.doctor.findings import Finding
from orders.models import SalesDay, SalesProgress
from orders.reading.sales_days import Day, events_behind, missing_from_sums

# Of each storefront the newest days, and as many others, drawn anew each time.
_DAYS: Final = 14
# While more events wait than that, the sweeper does not run, or has only begun: each day would have to look at them.
_MOST_BEHIND: Final = 20_000


def days_summed_wrongly(extent: Extent) -> Iterator[tuple[int, date, Finding]]:
    """Storefront and day of each; some days are looked at, not all."""
    for progress in extent.of(SalesProgress.objects.select_related("storefront").order_by("pk")):
        if events_behind(progress.pk) > _MOST_BEHIND:
            continue
        for day in _some_days(progress, extent):
            if missing := missing_from_sums(progress.pk, day):
                detail = f"storefront {progress.storefront.code}, {day}: {_in_words(missing)}"
                yield progress.pk, day, Finding("sales_day_not_as_orders", detail)


def _some_days(progress: SalesProgress, extent: Extent) -> list[date]:
    today = extent.now.date()
    newest = [today - timedelta(days=back) for back in range(_DAYS)]
    newest = [day for day in newest if day >= progress.counted_from]
    if extent.since is not None:
        return newest
    oldest = SalesDay.objects.filter(storefront=progress.pk).order_by("day").values_list("day", flat=True).first()
    older = (min(newest, default=today) - oldest).days if oldest else 0
    drawn = random.sample(range(older), min(_DAYS, max(0, older)))
    return newest + sorted(oldest + timedelta(days=after) for after in drawn) if oldest else newest


def _in_words(missing: Day) -> str:
    return ", ".join(
        f"{sold.placed:+,} orders and {sold.revenue:+,} {currency or 'without a currency'} by the orders"
        for currency, sold in sorted(missing.items())
    )
