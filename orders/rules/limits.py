"""How much there may be: of an order's parts, in a request, in an answer. docs/api.md tells these limits.

Without them one order could grow until nothing that reads it fits into memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from orders.rules.errors import LimitReached
from orders.rules.statuses import OrderStatus

# --- of one order ------------------------------------------------------------------------------------

MAX_ITEMS: Final = 500
MAX_UNITS: Final = 1_000_000  # of an item
MAX_TAGS: Final = 20
MAX_METADATA_ENTRIES: Final = 50
MAX_METADATA_BYTES: Final = 32_768  # names and values in UTF-8; in plain ASCII the entries end first
LAST_POSITION: Final = 32_767  # of items, also of those that were removed: a smallint


class PartLimit(NamedTuple):
    """`instead` is what to do once there are as many."""

    most: int
    instead: str


# By the field of the order's document.
PARTS: Final = {
    "items": PartLimit(MAX_ITEMS, "Place another order for the rest."),
    "shipments": PartLimit(100, "Cancel what is open, and place another order for it."),
    # Facts are recorded whatever has become of the order, so this is far more than any order has.
    "payments": PartLimit(1_000, "Check whether one fact is recorded again and again, under ever new references."),
    "credits": PartLimit(1_000, "Credit what is left in one piece."),
    "refunds": PartLimit(100, "Let the payment provider give the rest back, and record that as a payment."),
    "returns": PartLimit(100, "Refund what comes back without announcing it."),
    "holds": PartLimit(50, "Release one first."),
}

# --- in a request ------------------------------------------------------------------------------------

MAX_ORDERS_IN_BATCH: Final = 500
MAX_ORDERS_IN_BULK: Final = 1_000
# Staff do so many at once, and more of them in a run in the background.
MAX_ORDERS_AT_ONCE: Final = 100
MAX_ORDERS_IN_RUN: Final = 10_000
MAX_RUNS_OF_PERSON: Final = 5  # that are under way
MAX_BULK_SECONDS: Final = 60  # far below STUCK_SECONDS of orders_project/front/watchdog.py, which ends the worker
MAX_MINUTES: Final = 43_200  # thirty days
MAX_PAYMENTS_OF_IMPORTED: Final = 100

# --- in an answer ------------------------------------------------------------------------------------

PAGE_ORDERS: Final = 50
MAX_PAGE_ORDERS: Final = 200
MAX_PAGE_ENTRIES: Final = 100  # of a timeline
PAGE_EVENTS: Final = 100
MAX_PAGE_EVENTS: Final = 1_000  # of the feed
MAX_WAIT_SECONDS: Final = 30  # for an event that is still to come
MAX_PAGE_BYTES: Final = 4_000_000  # a page ends early; one order or entry it always has


def refuse_growth(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raises LimitReached when a change, from one document of an order to the next, adds a part too many.

    What ends the order is never refused, whatever refund comes of it: there is no second time.
    """
    if after["status"] == OrderStatus.CANCELED != before["status"]:
        return
    for part, (most, instead) in PARTS.items():
        count = len(after[part])
        if count > most and count > len(before[part]):
            raise LimitReached(part, most=most, wanted=count, instead=instead)


def refuse_items(count: int, *, last_position: int) -> None:
    """Raises LimitReached for more items than an order has room for: asked before stock is held for them."""
    most, instead = PARTS["items"]
    if count > most:
        raise LimitReached("items", most=most, wanted=count, instead=instead)
    if last_position > LAST_POSITION:
        instead = f"Those that were removed count too. {instead}"
        raise LimitReached("items", most=LAST_POSITION + 1, wanted=last_position + 1, instead=instead)
