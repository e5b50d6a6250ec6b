"""How a call places orders, whichever version of the API it came by; or leaves an order to be placed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson
from rest_framework import status
from rest_framework.request import Request

from orders import operations
from orders.api.calls import origin_of, principal_of, wants_answer_first, wants_rehearsal
from orders.api.idempotency_header import idempotency_of
from orders.operations import Outcome, Placed, StoredAnswer
from orders.requests.placing import NewOrder
from orders.rules import errors
from orders.rules.sight import Sight


def place(
    request: Request,
    orders: Sequence[NewOrder | errors.OrderError],
    *,
    asked: object,
    render: operations.Render,
    show: Callable[[dict[str, Any], Sight], dict[str, Any]],
) -> tuple[StoredAnswer, dict[str, str]]:
    """Place, or repeat the stored answer; return it with the headers that tell which of the two.

    What `render` makes is stored whole, for whoever repeats it; of that, `show` leaves what this caller may see.
    """
    _refuse_rehearsal(request)
    if wants_answer_first(request):
        raise errors.PreferenceNotSupported("respond-async", "POST /api/v1/orders and its batch offer it.")
    principal = principal_of(request)
    sight, headers = principal.caller.sight, {}

    def counted_render(outcomes: Sequence[Outcome]) -> StoredAnswer:
        _count(request, outcomes)
        return render(outcomes)

    try:
        answer = operations.place_orders(
            orders,
            storefront=principal.storefront,
            origin=origin_of(request),
            render=counted_render,
            idempotency=idempotency_of(request._request, asked),
        )
    except operations.Replay as replay:
        answer, headers = replay.answer, {"Idempotent-Replayed": "true"}
    return _seen(answer, sight, show), headers


def take(
    request: Request,
    orders: Sequence[NewOrder | errors.OrderError],
    *,
    asked: object,
    render: Callable[[Sequence[operations.Answered]], StoredAnswer],
    show: Callable[[dict[str, Any], Sight], dict[str, Any]],
) -> tuple[StoredAnswer, dict[str, str]]:
    """Take in, to be placed later; or repeat the stored answer, maybe of what was placed at once."""
    _refuse_rehearsal(request)
    principal = principal_of(request)

    def counted_render(answered: Sequence[operations.Answered]) -> StoredAnswer:
        counted = Counter("requested" if isinstance(one, operations.Taken) else one.code for one in answered)
        request._request.placement_outcomes = dict(counted)  # type: ignore[attr-defined]
        return render(answered)

    try:
        answer = operations.take_orders(
            orders,
            storefront=principal.storefront,
            origin=origin_of(request),
            render=counted_render,
            idempotency=idempotency_of(request._request, asked),
        )
    except operations.Replay as replay:
        request._request.placement_outcomes = {}  # type: ignore[attr-defined]
        return _seen(replay.answer, principal.caller.sight, show), {"Idempotent-Replayed": "true"}
    return answer, {"Preference-Applied": "respond-async"}


def _refuse_rehearsal(request: Request) -> None:
    if wants_rehearsal(request):
        raise errors.PreferenceNotSupported()


def _seen(answer: StoredAnswer, sight: Sight, show: Callable[[dict[str, Any], Sight], dict[str, Any]]) -> StoredAnswer:
    """A receipt of what is to be placed later tells nothing of it."""
    if sight is Sight.CUSTOMER or answer.status == status.HTTP_202_ACCEPTED:
        return answer
    return replace(answer, body=orjson.dumps(show(orjson.loads(answer.body), sight)))


def _count(request: Request, outcomes: Sequence[Outcome]) -> None:
    """For the metrics: how many were placed, how many refused and why."""
    counted = Counter("placed" if isinstance(outcome, Placed) else outcome.code for outcome in outcomes)
    request._request.placement_outcomes = dict(counted)  # type: ignore[attr-defined]
