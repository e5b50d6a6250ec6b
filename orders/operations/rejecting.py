"""Rejecting what was asked for: why is kept and told, the rest of what was asked for is not."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from events import outbox
from orders.announcing.changes import Origin
from orders.announcing.payloads import rejection_event
from orders.models import RequestedOrder, Storefront
from orders.models.requested import RequestState
from orders.rules import clock
from orders.rules.errors import OrderError
from orders.rules.ids import new_timed_id, time_of


def reject_request(request_id: UUID, refusal: OrderError) -> bool:
    """Reject it, and tell so; False when somebody else has settled it meanwhile."""
    now = clock.now()
    with transaction.atomic():
        # Without the storefront's row, which other requests need.
        waiting = RequestedOrder.objects.waiting().select_for_update(of=("self",)).select_related("storefront")
        request = waiting.filter(pk=request_id).first()
        if request is None:
            return False
        request.state, request.order, request.last_error = RequestState.REJECTED, None, ""
        request.attempts = 0
        request.rejected_at, request.rejection = now, as_told(refusal)
        request.save()
        outbox.append([rejection_event(request, rejected_at=now)])
    return True


def reject_at_once(
    refusal: OrderError,
    *,
    storefront: Storefront,
    origin: Origin,
    customer_id: str = "",
    external_reference: str | None = None,
) -> RequestedOrder:
    """Keep and tell that something was asked for which never waited to be placed."""
    request_id, now = new_timed_id(), clock.now()
    request = RequestedOrder(
        id=request_id,
        storefront=storefront,
        state=RequestState.REJECTED,
        customer_id=customer_id,
        external_reference=external_reference,
        actor=origin.actor,
        reason=origin.reason,
        request_id=origin.request_id,
        trace=origin.trace,
        requested_at=time_of(request_id),
        rejected_at=now,
        rejection=as_told(refusal),
    )
    with transaction.atomic():
        request.save(force_insert=True)
        outbox.append([rejection_event(request, rejected_at=now)])
    return request


def as_told(refusal: OrderError) -> dict[str, Any]:
    """The refusal as data; `facts` is what it adds for machines. Without U+0000: the database keeps that in no text."""
    told: dict[str, Any] = _keepable(
        {
            "code": refusal.code,
            "title": refusal.title,
            "detail": refusal.detail,
            "errors": refusal.errors,
            "facts": refusal.extra,
        }
    )
    return told


def _keepable(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "")
        case dict():
            return {_keepable(name): _keepable(part) for name, part in value.items()}
        case list() | tuple():
            return [_keepable(part) for part in value]
    return value
