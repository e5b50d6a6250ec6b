"""Finding orders by whatever staff have in their hands: what was typed decides where to look.

There is one predicate in each query, never an OR: an OR would make the database walk all orders.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from orders.models import Shipment, Storefront
from orders.models.querysets import OrderQuerySet
from orders.rules.cleaning import clean_text
from orders.rules.phones import searched_number
from orders.rules.sight import Sight

_HELP: Final = "Order number or how it begins, order id, customer id, external reference{} or tracking number."

_NUMBER: Final = re.compile(r"^([A-Z0-9]{1,6})-[A-Z0-9]{0,10}$")
_LONGEST: Final = 200  # no column that is searched holds more


def help_text(sight: Sight) -> str:
    return _HELP.format(", e-mail, telephone number" if sight is Sight.CUSTOMER else "")


def found(orders: OrderQuerySet, term: str, *, sight: Sight) -> OrderQuerySet:
    """The orders that the term stands for; where it could be several things, the first that exists.

    Who may not see an e-mail or a telephone number finds nothing by one: otherwise whoever guesses would be told whose
    it is.
    """
    term = term.strip()
    if not term:
        return orders
    if len(term) > _LONGEST:
        return orders.none()
    if (order_id := _uuid_in(term)) is not None:
        return orders.filter(pk=order_id)
    if "@" in term:
        # Cleaned as it was when it came in.
        return orders.filter(contact_email=clean_text(term)) if sight is Sight.CUSTOMER else orders.none()
    numbered = _numbered(orders, term.upper())
    if numbered is not None and numbered.exists():
        return numbered
    anywhere = orders.in_any_storefront()
    by_term = [anywhere.filter(customer_id=term), anywhere.filter(external_reference=term)]
    number = searched_number(term) if sight is Sight.CUSTOMER else None
    if number is not None:
        by_term.append(orders.with_phone(number))
    for candidates in by_term:
        if candidates.exists():
            return candidates
    return orders.filter(pk__in=_with_parcel(term))


def _uuid_in(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None


def _numbered(orders: OrderQuerySet, term: str) -> OrderQuerySet | None:
    """Orders whose number begins like this; None when no storefront has such numbers.

    A range instead of LIKE: the unique index of numbers is sorted by the database's locale, in which only
    a range can be looked up. Numbers have no sign beyond Z, so it ends where the prefix does.
    """
    match = _NUMBER.match(term)
    if match is None:
        return None
    storefronts = list(Storefront.objects.filter(number_prefix=match[1]).values_list("pk", flat=True))
    if not storefronts:
        return None
    return orders.filter(storefront_id__in=storefronts, number__range=(term, term + "Z" * 10))


def _with_parcel(tracking_number: str) -> QuerySet[Shipment, UUID]:
    return Shipment.objects.filter(tracking_number=tracking_number).values_list("order_id", flat=True)
