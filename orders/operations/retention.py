"""Customers are erased from orders that ended as long ago as their storefront wants: `erase_after_days`; also from what
was asked for and came to nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from prometheus_client import Counter

from orders.models import Order, Storefront, UpkeepFailure
from orders.models.querysets import OrderQuerySet
from orders.operations.call import Call, Precondition
from orders.operations.erasing import erase_order
from orders.operations.erasing_requests import erase_old_requests, old_requests
from orders.operations.failing_upkeep import each_alone
from orders.operations.stored_answers import find_answers
from orders.requests.operations import Plain
from orders.rules.callers import Caller, system

_AT_ONCE: Final = 200
_REASON: Final = "kept as long as the storefront wants"
_ERASED_BY_AGE: Final = Counter(
    "orders_erased_by_age", "Orders from which the customer was erased because of their age.", ["storefront"]
)

SWEEP: Final = system("sweep")

Upkeep = UpkeepFailure.Upkeep


class Standing(NamedTuple):
    """Of the orders that ended long enough ago and name their customer: how many are to be erased, how many does a hold
    keep, and on how many is something still open, money to be given back too. `requests` came to nothing as long ago.
    """

    due: int
    held: int
    open: int
    requests: int


def storefronts_with_retention() -> list[Storefront]:
    return list(Storefront.objects.exclude(erase_after_days=None))


def standing_of(storefront: Storefront, *, now: datetime) -> Standing:
    ended = _ended(storefront, now)
    erasable = ended.erasable().count()
    due = _due(storefront, now).count()
    requests = sum(old.count() for old in old_requests(storefront, before=_kept_since(storefront, now)))
    return Standing(due, ended.not_erasable().count(), erasable - due, requests)


def erase_by_age(*, now: datetime) -> int:
    """Erase the customers of some orders of each storefront that are due; return of how many."""
    return sum(erase_slice(storefront, now=now) for storefront in storefronts_with_retention())


def erase_slice(storefront: Storefront, *, now: datetime, caller: Caller = SWEEP) -> int:
    """The same of one storefront; 0 when nothing is left that can be done now.

    Each order is erased on its own, as it was when it was chosen: one that has changed since, such as by a hold, is
    left for the next time. What fails is put off.
    """
    orders = {order.pk: order for order in _due(storefront, now).not_put_off(Upkeep.ERASE)[:_AT_ONCE]}
    if not orders:
        return 0
    call = Call(caller, reason=_REASON, answers=find_answers(list(orders.values())))

    def erase(order_id: UUID) -> bool:
        chosen = Precondition(orders[order_id].version)
        erase_order(order_id, Plain(), call=replace(call, precondition=chosen))
        return True

    erased = each_alone(Upkeep.ERASE, orders, erase)
    _ERASED_BY_AGE.labels(storefront.code).inc(erased)
    return erased


def erase_requests_by_age(*, now: datetime) -> int:
    """Erase the customers of some requests of each storefront that came to nothing long ago; return of how many."""
    return sum(erase_requests_slice(storefront, now=now) for storefront in storefronts_with_retention())


def erase_requests_slice(storefront: Storefront, *, now: datetime) -> int:
    """The same of one storefront; 0 when nothing is left."""
    return erase_old_requests(storefront, before=_kept_since(storefront, now), reason=_REASON)


def _due(storefront: Storefront, now: datetime) -> OrderQuerySet:
    return _ended(storefront, now).erasable().with_nothing_open()


def _ended(storefront: Storefront, now: datetime) -> OrderQuerySet:
    orders: OrderQuerySet = Order.all_objects.ended(storefront.pk, before=_kept_since(storefront, now))
    return orders


def _kept_since(storefront: Storefront, now: datetime) -> datetime:
    return now - timedelta(days=storefront.erase_after_days or 0)
