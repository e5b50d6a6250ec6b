"""Who is asking in the back office, what they may see, and how an operation is called for them."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Model, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest

from orders.models import ListColumns, Order, StaffSettings, Storefront
from orders.models.querysets import OrderQuerySet
from orders.operations import Call, Precondition, Rehearsal
from orders.rules.callers import Caller, staff_caller
from orders.rules.sight import Sight
from orders.rules.time_zones import UTC_NAME

Staff = User | AnonymousUser
M = TypeVar("M", bound=Model)


def user_of(request: HttpRequest) -> Staff:
    user: Staff = request.user
    return user


def signed_in(request: HttpRequest) -> User:
    """Whoever is signed in, for what is kept of them. Raises PermissionDenied where nobody is."""
    user = user_of(request)
    if not isinstance(user, User):
        raise PermissionDenied
    return user


def storefronts_of(user: Staff) -> frozenset[int] | None:
    """The storefronts the user is limited to; None is every one."""
    if not isinstance(user, User):
        return frozenset()
    return frozenset(storefront.pk for storefront in _known(user) if storefront.is_chosen) or None


def seeing_no_more(actor: Staff) -> Q:
    """Of accounts: those that see no storefront but the actor's."""
    limit = storefronts_of(actor)
    if limit is None:
        return Q()
    chosen = Storefront.staff.through.objects
    return Q(pk__in=chosen.filter(storefront__in=limit).values("user")) & ~Q(
        pk__in=chosen.exclude(storefront__in=limit).values("user")
    )


def visible_storefronts(user: Staff) -> list[Storefront]:
    """Those whose orders the user sees, by their codes."""
    if not isinstance(user, User):
        return []
    known = _known(user)
    return [storefront for storefront in known if storefront.is_chosen] or known


def time_zone_of(user: Staff, *, storefront: Storefront | None = None) -> str:
    """The zone in which the user reads times: their own, else the storefront's; without one, that of all storefronts
    they see, where it is the same.
    """
    if not isinstance(user, User):
        return UTC_NAME
    seen = visible_storefronts(user)
    own = [known.own_time_zone for known in _known(user)[:1]] or _own_time_zone(user)
    if own and own[0]:
        return str(own[0])
    zones = {known.time_zone for known in ([storefront] if storefront else seen)}
    return zones.pop() if len(zones) == 1 else UTC_NAME


def columns_of(user: Staff) -> list[str] | None:
    """The columns that the user has chosen for the list of orders; None where nothing was."""
    if not isinstance(user, User):
        return None
    known = _known(user)
    return known[0].own_columns if known else _own_columns(user).first()


def _own_columns(user: User) -> QuerySet[ListColumns, list[str]]:
    return ListColumns.objects.filter(user=user.pk).values_list("columns", flat=True)


def _own_time_zone(user: User) -> QuerySet[StaffSettings, str]:
    return StaffSettings.objects.filter(user=user.pk).values_list("time_zone", flat=True)


def _known(user: User) -> list[Any]:
    """All storefronts; of each, `is_chosen` says whether the user is limited to it, `own_time_zone` and `own_columns`
    what the user has set. Asked once for each request.
    """
    known: list[Any] | None = getattr(user, "_known_storefronts", None)
    if known is None:
        chosen = Storefront.staff.through.objects.filter(storefront=OuterRef("pk"), user=user.pk)
        asked = Storefront.objects.annotate(
            is_chosen=Exists(chosen),
            own_time_zone=Subquery(_own_time_zone(user)),
            own_columns=Subquery(_own_columns(user)),
        )
        known = list(asked.order_by("code"))
        user._known_storefronts = known  # type: ignore[attr-defined]
    return known


def limited(rows: QuerySet[M], user: Staff) -> QuerySet[M]:
    """What belongs to the user's storefronts; everything for whoever is limited to none."""
    storefronts = storefronts_of(user)
    return rows if storefronts is None else rows.filter(storefront_id__in=storefronts)


def number_in(text: str, *, most: int) -> int | None:
    """The number that a page sent; None for what is none, or larger. Python refuses to read thousands of digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return None
    return number if (number := int(text)) <= most else None


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
