"""Who of the staff works on an order. Claims change no order: they are no operations, and nobody outside is told.

Nobody is kept from working on an order by a claim: it tells others that somebody does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from orders.models import Claim, Order, Storefront
from orders.models.querysets import OrderQuerySet
from orders.reading.queues import Queue, View, are_in, queue_named
from orders.rules.statuses import OrderStatus

# Each time somebody else was faster.
_TRIES: Final = 10
_AT_ONCE: Final = 500
_KEPT: Final = timedelta(days=365)
_DONE: Final = Q(status__in=[OrderStatus.COMPLETED, OrderStatus.CANCELED]) | Q(deleted_at__isnull=False)


def claim_order(order: Order, user_id: int, *, instead_of: int | None = None) -> Claim:
    """Take the order on; return the claim that is in force then, which is somebody else's if they have it.

    It is taken from them where `instead_of` names who they are.
    """
    with transaction.atomic(durable=True):
        known = Claim.objects.in_force().filter(order_id=order.pk).select_for_update().first()
        if known is not None and known.user_id != user_id and known.user_id == instead_of:
            _end(known)
            known = None
        return known or _claimed(order.pk, order.storefront_id, user_id, queue="")[0]


def claim_next(queue: Queue, view: View, user_id: int) -> Claim | None:
    """Take on the first order of the queue that nobody has; None when there is none.

    Two who ask at the same time get different orders: each passes over the row that the other holds. Who comes when the
    other has just let go of it finds the claim.
    """
    for _ in range(_TRIES):
        with transaction.atomic(durable=True):
            order = _first_free(queue, view)
            if order is None:
                return None
            claim, is_new = _claimed(order.pk, order.storefront_id, user_id, queue=queue.key)
        if is_new:
            return claim
    return None


def give_back(order_id: UUID, user_id: int) -> bool:
    """Whether there was anything to be given back."""
    return Claim.objects.in_force().filter(order_id=order_id, user_id=user_id).update(ended_at=Now()) > 0


def end_done_claims() -> int:
    """End claims of orders that are done, or have left the queue they were taken from; return how many.

    Claims are as few as the orders that people have taken on. What ended a year ago is forgotten.
    """
    ended = 0
    after = UUID(int=0)
    while claims := list(Claim.objects.in_force().filter(pk__gt=after).order_by("pk")[:_AT_ONCE]):
        over = _of_done_orders(claims)
        if over:
            ended += Claim.objects.in_force().filter(pk__in=over).update(ended_at=Now())
        after = claims[-1].pk
    old = Claim.objects.filter(ended_at__lt=Now() - _KEPT).order_by("ended_at").values("pk")[:_AT_ONCE]
    Claim.objects.filter(pk__in=old).delete()
    return ended


def _first_free(queue: Queue, view: View) -> Order | None:
    lists: list[OrderQuerySet] = queue.urgent(view) if queue.urgent else []
    for orders in lists:
        order: Order | None = orders.select_for_update(skip_locked=True, of=("self",), no_key=True).first()
        if order is not None:
            return order
    return None


def _claimed(order_id: UUID, storefront_id: int, user_id: int, *, queue: str) -> tuple[Claim, bool]:
    """The claim in force: this one, or the one that came before it; and whether it is this one."""
    while True:  # the one that came before may have ended since it was in the way
        claim = Claim(order_id=order_id, storefront_id=storefront_id, user_id=user_id, queue=queue, claimed_at=Now())
        Claim.objects.bulk_create([claim], ignore_conflicts=True)
        in_force: Claim | None = Claim.objects.in_force().filter(order_id=order_id).first()
        if in_force is not None:
            return in_force, in_force.pk == claim.pk


def _end(claim: Claim) -> None:
    Claim.objects.filter(pk=claim.pk).update(ended_at=Now())


def _of_done_orders(claims: list[Claim]) -> list[UUID]:
    by_queue: dict[str, list[Claim]] = {}
    for claim in claims:
        by_queue.setdefault(claim.queue, []).append(claim)
    view = View(tuple(Storefront.objects.all()))
    over: list[UUID] = []
    for key, of_queue in by_queue.items():
        orders: OrderQuerySet = Order.all_objects.filter(pk__in=[claim.order_id for claim in of_queue])
        open_orders = orders.exclude(_DONE)
        queue = queue_named(key)
        still = open_orders if queue is None else are_in(queue, open_orders, view)
        kept = set(still.values_list("pk", flat=True))
        over += [claim.pk for claim in of_queue if claim.order_id not in kept]
    return over
