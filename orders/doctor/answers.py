"""Does every stored answer tell of orders that are there? A repeat is told so, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import reset_queries
from django.db.models import Q

from events.models import Event
from orders.announcing.payloads import ORDER_REJECTED
from orders.doctor.extent import Extent
from orders.doctor.findings import Finding
from orders.models import IdempotentAnswer, Order, RequestedOrder

# The answer to a batch is some hundred kilobytes.
_ANSWERS_AT_ONCE: Final = 100


def answers_of_no_order(extent: Extent) -> Iterator[Finding]:
    """Stored answers that name an order which their storefront does not have, or that cannot be read."""
    for answers in _pages(extent):
        named = {answer.pk: _order_ids(bytes(answer.body)) for answer in answers}
        ids = {order_id for order_ids in named.values() for order_id in order_ids or ()}
        owners = dict(Order.all_objects.filter(pk__in=ids).values_list("pk", "storefront_id"))
        if missing := ids - owners.keys():
            # Asked for, to be placed later: they wait, or were rejected.
            owners |= dict(RequestedOrder.objects.filter(pk__in=missing).values_list("pk", "storefront_id"))
            rejected = Event.objects.filter(stream_id__in=missing, type=ORDER_REJECTED)
            owners |= dict(rejected.values_list("stream_id", "storefront_id"))
            # Or they have been placed between the two looks.
            owners |= dict(Order.all_objects.filter(pk__in=missing).values_list("pk", "storefront_id"))
        for answer in answers:
            order_ids = named[answer.pk]
            where = f"storefront {answer.storefront_id}, key {answer.key}"
            if order_ids is None:
                yield Finding("answer_of_no_order", f"{where}: the answer cannot be read")
                continue
            for order_id in order_ids:
                if owners.get(order_id) != answer.storefront_id:
                    yield Finding("answer_of_no_order", where, order_id)


def _pages(extent: Extent) -> Iterator[list[IdempotentAnswer]]:
    answers = extent.of(IdempotentAnswer.objects.order_by("pk"))
    if extent.since is not None:  # by the index that finds those
        answers = answers.filter(created_at__gte=extent.since).order_by("created_at", "pk")
    page = list(answers[:_ANSWERS_AT_ONCE])
    while page:
        yield page
        last = page[-1]
        behind = Q(pk__gt=last.pk)
        if extent.since is not None:
            # The first condition follows from the others, but by it the index is entered where the last page ended.
            behind = Q(created_at__gte=last.created_at) & (Q(created_at__gt=last.created_at) | behind)
        page = list(answers.filter(behind)[:_ANSWERS_AT_ONCE])
        reset_queries()  # with DEBUG the connection remembers every statement


def _order_ids(body: bytes) -> list[UUID] | None:
    """The orders an answer tells of, whichever call it answered; None for no answer of ours."""
    try:
        answer: dict[str, Any] = {**orjson.loads(body)}
        if "results" in answer:  # of a batch; a refused order is none
            parts = (result.get("order") or result.get("request") for result in answer["results"])
            return [UUID(part["id"]) for part in parts if part]
        if "data" in answer:  # of the first version
            return [UUID(answer["data"]["orderId"])]
        return [UUID(answer["id"])] if answer else []  # an import keeps an empty one
    except (KeyError, TypeError, ValueError):
        return None
