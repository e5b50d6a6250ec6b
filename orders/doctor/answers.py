"""Does every stored answer tell of orders that are there? A repeat is told so, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import reset_queries

from orders.doctor.extent import Extent
from orders.doctor.findings import Finding
from orders.models import IdempotentAnswer, Order

# The answer to a batch is some hundred kilobytes.
_ANSWERS_AT_ONCE: Final = 100


def answers_of_no_order(extent: Extent) -> Iterator[Finding]:
    """Stored answers that name an order which their storefront does not have, or that cannot be read."""
    for answers in _pages(extent):
        named = {answer.pk: _order_ids(bytes(answer.body)) for answer in answers}
        ids = {order_id for order_ids in named.values() for order_id in order_ids or ()}
        owners = dict(Order.all_objects.filter(pk__in=ids).values_list("pk", "storefront_id"))
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
    if extent.since is not None:
        answers = answers.filter(created_at__gte=extent.since)
    page = list(answers[:_ANSWERS_AT_ONCE])
    while page:
        yield page
        page = list(answers.filter(pk__gt=page[-1].pk)[:_ANSWERS_AT_ONCE])
        reset_queries()  # with DEBUG the connection remembers every statement


def _order_ids(body: bytes) -> list[UUID] | None:
    """The orders an answer tells of, whichever call it answered; None for no answer of ours."""
    try:
        answer: dict[str, Any] = {**orjson.loads(body)}
        if "results" in answer:  # of a batch; a refused order is none
            return [UUID(result["order"]["id"]) for result in answer["results"] if "order" in result]
        if "data" in answer:  # of the first version
            return [UUID(answer["data"]["orderId"])]
        return [UUID(answer["id"])] if answer else []  # an import keeps an empty one
    except (KeyError, TypeError, ValueError):
        return None
