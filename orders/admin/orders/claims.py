"""Claims in the back office: the piece of an order's page that tells them, and what is done there and on queues."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from orders import operations
from orders.admin.display.names import called, names_of
from orders.admin.operations.staff_requests import number_in, order_in, signed_in
from orders.admin.orders.queues import address_of, may_claim, queues_of, view_of
from orders.models import Claim, Order
from orders.reading.queues import queue_named

_EARLIER: Final = 5
_LARGEST_ID: Final = 2**31 - 1


def claim_urls(model_admin: ModelAdmin) -> list[URLPattern]:
    pages: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
        "<uuid:order_id>/claim/": ("claim", claim_page),
        "<uuid:order_id>/give-back/": ("give_back", give_back_page),
        "<uuid:order_id>/looking/": ("looking", looking_page),
        "next/<slug:key>/": ("claim_next", claim_next_page),
    }
    return [
        path(route, model_admin.admin_site.admin_view(partial(page, model_admin)), name=f"orders_order_{name}")
        for route, (name, page) in pages.items()
    ]


def claim_context(order: Order, user: User) -> dict[str, Any]:
    """For `admin/orders/order/claim.html`: who has the order, who had it, and who looks at it now."""
    others = operations.look_at(order, user.pk)
    claims = list(Claim.objects.filter(order_id=order.pk).select_related("user").order_by("-pk")[: _EARLIER + 1])
    claim = next((claim for claim in claims if claim.ended_at is None), None)
    return {
        "claim": {
            "by": called(claim.user) if claim else "",
            "mine": claim is not None and claim.user_id == user.pk,
            "holder": claim.user_id if claim else "",
            "since": claim.claimed_at if claim else None,
            "queue": _title_of(claim),
            "earlier": [
                {"by": called(ended.user), "from": ended.claimed_at, "until": ended.ended_at}
                for ended in claims
                if ended.ended_at is not None
            ][:_EARLIER],
            "may": may_claim(user),
            "looking": looking_in_words(others),
        }
    }


def looking_in_words(usernames: list[str]) -> str:
    known = names_of(f"staff:{username}" for username in usernames)
    names = [known.of(f"staff:{username}") for username in usernames]
    if not names:
        return ""
    if len(names) == 1:
        return f"{names[0]} looks at this order now"
    return f"{', '.join(names[:-1])} and {names[-1]} look at this order now"


def claim_page(model_admin: ModelAdmin, request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Take the order on; from somebody else only if the page has shown that they have it."""
    order, user = _claimable(model_admin, request, order_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    holder = request.POST.get("instead_of", "")
    claim = operations.claim_order(order, user.pk, instead_of=number_in(holder, most=_LARGEST_ID))
    if claim.user_id == user.pk:
        messages.success(request, f"You have {order.number} now.")
    else:
        messages.warning(request, f"{called(claim.user)} has claimed {order.number} meanwhile.")
    return _page_of(order.pk)


def give_back_page(model_admin: ModelAdmin, request: HttpRequest, order_id: UUID) -> HttpResponse:
    order, user = _claimable(model_admin, request, order_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if operations.give_back(order.pk, user.pk):
        messages.success(request, f"You have given {order.number} back.")
    else:
        messages.warning(request, f"You do not have {order.number} any more.")
    return _page_of(order.pk)


def claim_next_page(model_admin: ModelAdmin, request: HttpRequest, key: str) -> HttpResponse:
    """Take the first order of a queue that nobody has, and open it."""
    user = signed_in(request)
    queue = queue_named(key)
    if not may_claim(user):
        raise PermissionDenied
    if queue is None or queue.urgent is None or queue not in queues_of(user):
        raise Http404(f"There is no queue {key}.")
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    claim = operations.claim_next(queue, view_of(user), user.pk)
    if claim is None:
        messages.info(request, f"{queue.title}: there is no order that nobody has.")
        return HttpResponseRedirect(address_of(queue))
    messages.success(request, f"{queue.title}: this one is yours.")
    return _page_of(claim.order_id)


def looking_page(model_admin: ModelAdmin, request: HttpRequest, order_id: UUID) -> HttpResponse:
    """What the open page of an order tells once a minute, and when it is left; it is told who else looks."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    order, user = order_in(model_admin.get_queryset(request), order_id), signed_in(request)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if request.POST.get("leaving"):
        operations.look_away(order, user.pk)
        return JsonResponse({"looking": ""})
    return JsonResponse({"looking": looking_in_words(operations.look_at(order, user.pk))})


def _claimable(model_admin: ModelAdmin, request: HttpRequest, order_id: UUID) -> tuple[Order, User]:
    user = signed_in(request)
    if not may_claim(user):
        raise PermissionDenied
    return order_in(model_admin.get_queryset(request), order_id), user


def _page_of(order_id: UUID) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:orders_order_change", args=[order_id]))


def _title_of(claim: Claim | None) -> str:
    queue = queue_named(claim.queue) if claim else None
    return queue.title if queue else ""
