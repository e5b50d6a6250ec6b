"""What somebody wrote, with the orders it names within reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

from django.urls import reverse

from orders.rules.ids import NUMBER


class Word(NamedTuple):
    """A piece of a text; `href` leads to the order that it is the number of."""

    text: str
    href: str = ""


def words_of(text: str) -> Iterator[Word]:
    """All pieces, in their order. Whether there is such an order is found out by following the link."""
    end = 0
    for found in NUMBER.finditer(text):
        if found.start() > end:
            yield Word(text[end : found.start()])
        page = reverse("admin:orders_order_changelist")
        yield Word(found[0], f"{page}?{urlencode({'q': found[0]})}")
        end = found.end()
    if end < len(text):
        yield Word(text[end:])
