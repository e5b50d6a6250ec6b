"""Removing a person from orders that were asked for and not placed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from events import erasing
from orders.models import RequestedOrder, Storefront
from orders.models.requested import RequestedOrderQuerySet
from orders.operations.rejecting import reject_request
from orders.rules.erased import ERASED
from orders.rules.errors import CustomerErased, RequestGivenUp

_FORGOTTEN_AT_ONCE: Final = 100
_ERASED_AT_ONCE: Final = 200


def erase_requests(storefront: Storefront, customer_id: str) -> int:
    """What waits is rejected, for its customer is gone; of all that was rejected only codes stay. Return how many.

    Each in a transaction of its own; whatever dies on the way can be called again.
    """
    theirs = RequestedOrder.objects.of_storefront(storefront.pk).filter(customer_id=customer_id)
    for request_id in list(theirs.waiting().order_by("pk").values_list("pk", flat=True)):
        reject_request(request_id, CustomerErased())
    rejected = list(theirs.rejected().order_by("pk").values_list("pk", flat=True))
    return sum(_erase(request_id) for request_id in rejected)


def old_requests(storefront: Storefront, *, before: datetime) -> tuple[RequestedOrderQuerySet, RequestedOrderQuerySet]:
    """What came to nothing and names its customer: asked for before then and parked, and rejected before then.

    What waits and is not parked is under way, as an order is that has not ended.
    """
    requests = RequestedOrder.objects.of_storefront(storefront.pk)
    parked = requests.parked().filter(requested_at__lt=before).order_by("pk")
    rejected = requests.rejected().of_known_customer().filter(rejected_at__lt=before).order_by("rejected_at")
    return parked, rejected


def erase_old_requests(storefront: Storefront, *, before: datetime, reason: str) -> int:
    """Give up what is parked for so long, and keep only codes of it and of what was rejected; return of how many.

    Some at once: 0 when nothing is left.
    """
    parked, rejected = (
        list(requests.values_list("pk", flat=True)[:_ERASED_AT_ONCE])
        for requests in old_requests(storefront, before=before)
    )
    given_up = sum(_give_up(request_id, RequestGivenUp(reason)) for request_id in parked)
    return given_up + sum(_erase(request_id) for request_id in rejected)


def _give_up(request_id: UUID, refusal: RequestGivenUp) -> bool:
    """Reject what is parked still, and keep only codes of it: both or neither."""
    with transaction.atomic():
        still_parked = RequestedOrder.objects.parked().select_for_update(of=("self",)).filter(pk=request_id)
        return still_parked.exists() and reject_request(request_id, refusal) and _erase(request_id)


def forget_rejected(*, before: datetime) -> int:
    """Forget what was rejected before then, and what its events tell of the customer; return how many."""
    forgotten = 0
    old = RequestedOrder.objects.rejected().filter(rejected_at__lt=before).order_by("rejected_at")
    while ids := list(old.values_list("pk", flat=True)[:_FORGOTTEN_AT_ONCE]):
        for request_id in ids:
            with transaction.atomic():
                _erase(request_id)
                forgotten += RequestedOrder.objects.filter(pk=request_id).delete()[0]
    return forgotten


def _erase(request_id: UUID) -> bool:
    with transaction.atomic():
        request = RequestedOrder.objects.rejected().select_for_update().filter(pk=request_id).first()
        if request is None:
            return False
        request.customer_id, request.reason = ERASED, ""
        request.rejection = _without_person(request.rejection or {})
        request.save(update_fields=["customer_id", "reason", "rejection"])
        erasing.erase(request_id, _event_data)
    return True


def _event_data(data: dict[str, Any]) -> dict[str, Any]:
    told = {**data["request"], "customer_id": ERASED}
    return {**data, "request": told, "rejection": _without_person(data["rejection"])}


def _without_person(rejection: dict[str, Any]) -> dict[str, Any]:
    """Sentences and facts may name the customer; codes and pointers do not."""
    title = rejection["title"]
    wrong = [{**error, "detail": title} for error in rejection["errors"]]
    return {**rejection, "detail": title, "errors": wrong, "facts": {}}
