"""Who is asking in the back office, what they may see, and how an operation is called for them."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from orders.models import Order
from orders.models.querysets import OrderQuerySet
from orders.operations import Call, Precondition, Rehearsal
from orders.rules.callers import Caller, staff_caller
from orders.rules.sight import Sight

Staff = User | AnonymousUser
M = TypeVar("M", bound=Model)


def user_of(request: HttpRequest) -> Staff:
    user: Staff = request.user
    return user


def storefronts_of(user: Staff) -> frozenset[int] | None:
    """The storefronts the user is limited to; None is every one. It is asked once for each request."""
    if not isinstance(user, User):
        return frozenset()
    known: frozenset[int] | bool | None = getattr(user, "_storefronts", False)
    if isinstance(known, bool):
        known = frozenset(user.storefronts.values_list("pk", flat=True)) or None
        user._storefronts = known  # type: ignore[attr-defined]
    return known


def limited(rows: QuerySet[M], user: Staff) -> QuerySet[M]:
    """What belongs to the user's storefronts; everything for whoever is limited to none."""
    storefronts = storefronts_of(user)
    return rows if storefronts is None else rows.filter(storefront_id__in=storefronts)


def order_in(orders: OrderQuerySet, order_id: UUID | str) -> Order:
    """Raises Http404, also for what is no id at all."""
    try:
        order: Order = orders.get(pk=order_id if isinstance(order_id, UUID) else UUID(order_id))
    except (ValueError, Order.DoesNotExist):
        raise Http404(f"There is no order {order_id}.") from None
    return order


def caller_of(user: Staff) -> Caller:
    return staff_caller(f"staff:{user.get_username()}", storefronts=storefronts_of(user), has_permission=user.has_perm)


def sight_of(user: Staff) -> Sight:
    """How much of an order the pages show to the user."""
    return caller_of(user).sight


def call_of(
    request: HttpRequest, *, reason: str = "", version: int | None = None, rehearsal: Rehearsal | None = None
) -> Call:
    """`version` is what the page showed; a rehearsal changes nothing."""
    return Call(
        caller_of(user_of(request)),
        reason=reason,
        request_id=getattr(request, "request_id", ""),
        trace=getattr(request, "traceparent", None) or "",
        precondition=Precondition(version),
        rehearsal=rehearsal,
    )
