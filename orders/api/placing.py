"""How a call places orders, whichever version of the API it came by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson
from rest_framework.request import Request

from orders import operations
from orders.api.calls import origin_of, principal_of, wants_rehearsal
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
    if wants_rehearsal(request):
        raise errors.PreferenceNotSupported()
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
    if sight is not Sight.CUSTOMER:
        answer = replace(answer, body=orjson.dumps(show(orjson.loads(answer.body), sight)))
    return answer, headers


def _count(request: Request, outcomes: Sequence[Outcome]) -> None:
    """For the metrics: how many were placed, how many refused and why."""
    counted = Counter("placed" if isinstance(outcome, Placed) else outcome.code for outcome in outcomes)
    request._request.placement_outcomes = dict(counted)  # type: ignore[attr-defined]
