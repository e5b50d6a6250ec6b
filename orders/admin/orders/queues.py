"""The queues of whoever is signed in, as the first page shows them."""

from __future__ import annotations

from typing import NamedTuple

from django.urls import reverse

from orders.admin.operations.staff_requests import Staff, caller_of, storefronts_of, visible_storefronts
from orders.reading.queues import Queue, View, queues_for


class Card(NamedTuple):
    """`next_url` takes the next order of the queue, for whoever may claim orders."""

    title: str
    shown: str
    href: str
    alert: bool = False
    next_url: str = ""


def view_of(user: Staff) -> View:
    return View(
        tuple(visible_storefronts(user)), limited=storefronts_of(user) is not None, person=caller_of(user).person
    )


def queues_of(user: Staff) -> list[Queue]:
    return queues_for(user.has_perm, limited=storefronts_of(user) is not None)


def may_claim(user: Staff) -> bool:
    return user.has_perm("orders.view_order") and user.has_perm("orders.add_claim")


def cards_of(user: Staff) -> list[Card]:
    """What waits for the user; a quiet queue only while there is something in it."""
    view = view_of(user)
    cards = []
    for queue in queues_of(user):
        counted = queue.counts(view)
        if queue.quiet and not counted.number:
            continue
        takes = queue.urgent is not None and counted.number > 0 and may_claim(user)
        cards.append(
            Card(
                queue.title,
                str(counted),
                address_of(queue),
                queue.alert and counted.number > 0,
                reverse("admin:orders_order_claim_next", args=[queue.key]) if takes else "",
            )
        )
    return cards


def address_of(queue: Queue) -> str:
    page = reverse(f"admin:{queue.page}_changelist")
    return f"{page}?{queue.query}" if queue.query else page
