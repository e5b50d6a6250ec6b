"""All there is about one customer of a storefront."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from events.inbox.erasing import Letter, letters_with
from events.models import PersonalData
from events.webhooks.erasing import answers_about
from orders.models import Order, RequestedOrder, Storefront
from orders.models.querysets import OrderQuerySet
from orders.reading.documents import document_of, instant
from orders.reading.history import timeline_page

_ENTRIES_AT_ONCE: Final = 100
_NAMES_OF_CUSTOMER: Final = ("customer_id", "customerId")
# Events of these have another subject.
_NO_CUSTOMERS: Final = ("inventory", "payment")


def orders_of_customer(storefront: Storefront, customer_id: str) -> OrderQuerySet:
    """Deleted ones too, oldest first."""
    orders: OrderQuerySet = Order.all_objects.filter(storefront=storefront, customer_id=customer_id)
    return orders.order_by("id")


def tells_of(customer_id: str, storefront: str | None) -> Callable[[Letter], bool]:
    """Whether what came in tells of the customer, of a storefront or of all: by a `customer_id` anywhere in it, or by
    its subject; what is no event by the id as a word, where no other storefront's customer can be meant.

    One that names a storefront that there is not is told of by no other, so it is anybody's. That they are to be erased
    is no such event, as it is still to be done; nor is what has become of money or stock, which is no customer's.
    """
    others = _other_storefronts(storefront) if storefront else set()
    as_a_word = re.compile(rf"(?<!\w){re.escape(customer_id)}(?!\w)")

    def is_meant(letter: Letter) -> bool:
        if isinstance(letter, str):
            return not others and as_a_word.search(letter) is not None
        if letter.get("type") == "customer.erased" or _thing_of(letter) in _NO_CUSTOMERS:
            return False
        if _storefront_in(letter) in others:
            return False
        named = _customers_in(letter)
        return customer_id in named or (letter.get("subject") == customer_id and _is_named_by_subject(letter, named))

    return is_meant


def _names_storefront(letter: dict[str, Any]) -> bool:
    data = letter.get("data")
    return isinstance(data, dict) and data.get("storefront") is not None


def _storefront_in(letter: dict[str, Any]) -> str | None:
    data = letter.get("data")
    code = data.get("storefront") if isinstance(data, dict) else None
    return code if isinstance(code, str) else None


def _customers_in(letter: dict[str, Any]) -> set[str]:
    """However deep they stand, and also where a number stands for one."""
    named: set[str] = set()
    parts: list[Any] = [letter]
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts += part
        elif isinstance(part, dict):
            named |= {str(part[name]) for name in _NAMES_OF_CUSTOMER if isinstance(part.get(name), str | int)}
            parts += part.values()
    return named


def _is_named_by_subject(letter: dict[str, Any], named: set[str]) -> bool:
    """The subject is the customer in their own events, a product or payment in others, and may be either elsewhere."""
    return _thing_of(letter) == "customer" or not named


def _thing_of(letter: dict[str, Any]) -> str:
    """What its type is about: `order` of `order.requested`."""
    return str(letter.get("type")).partition(".")[0]


def _other_storefronts(storefront: str) -> set[str]:
    return set(Storefront.objects.exclude(code=storefront).values_list("code", flat=True))


def exported(order: Order) -> dict[str, Any]:
    """The order; what has happened to it, oldest first, and what each change has set of what tells of a person; what
    webhook endpoints have answered to it.
    """
    told = PersonalData.objects.filter(stream_id=order.pk, storefront_id=order.storefront_id)
    personal = dict(told.values_list("sequence", "fields"))
    timeline = [{**entry, "personal": personal.get(entry["version"], {})} for entry in _timeline(order)]
    return {
        "order": document_of(order),
        "deleted": order.deleted_at is not None,
        "timeline": timeline[::-1],
        "webhook_answers": [
            {
                "url": attempt.url,
                "attempted_at": instant(attempt.attempted_at),
                "headers": attempt.response_headers,
                "body": attempt.response_body,
            }
            for attempt in answers_about(order.pk)
        ],
    }


def letters_about(customer_id: str, storefront: Storefront) -> Iterator[dict[str, Any]]:
    """Events that came in, tell of the customer and could not be handled, as they came; no messages that are no event:
    those may tell of others too. Nor, where there are other storefronts, one that names none that there is: it may
    tell of their customer of the same id.
    """
    is_meant = tells_of(customer_id, storefront.code)
    there_are_others = bool(_other_storefronts(storefront.code))
    for _, letter in letters_with(customer_id):
        if isinstance(letter, dict) and is_meant(letter):
            if there_are_others and _names_storefront(letter) and _storefront_in(letter) != storefront.code:
                continue
            yield letter


def requests_about(customer_id: str, storefront: Storefront) -> Iterator[dict[str, Any]]:
    """Orders that were asked for and are not placed, oldest first: what was asked for, or why it was rejected."""
    theirs = RequestedOrder.objects.of_storefront(storefront.pk).filter(customer_id=customer_id).order_by("id")
    for request in theirs.iterator(chunk_size=_ENTRIES_AT_ONCE):
        yield {
            "id": str(request.pk),
            "status": request.state,
            "requested_at": instant(request.requested_at),
            "reason": request.reason,
            "request": None if request.order is None else orjson.loads(bytes(request.order)),
            "rejection": request.rejection,
        }


def _timeline(order: Order) -> Iterator[dict[str, Any]]:
    before: int | None = None
    while True:
        page = timeline_page(order.pk, storefront_id=order.storefront_id, before=before, limit=_ENTRIES_AT_ONCE)
        yield from page["results"]
        before = page["next_before"]
        if before is None:
            return
