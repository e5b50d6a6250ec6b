"""What every refusal has in common: a problem body, and that nothing came of the request."""

from __future__ import annotations

from typing import Any

from events.models import Event, OutboxEntry
from inventory_client.models import Reservation, Stock
from orders.models import IdempotentAnswer, Order

PROBLEM_MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}


def assert_refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """The answer is this problem, in the form that all problems have; return its body."""
    assert (response.status_code, _code_of(response)) == (status, code), response.content[:500]
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem.keys() >= PROBLEM_MEMBERS
    assert (problem["status"], problem["type"]) == (status, f"/api/problems#{code}")
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert "Traceback" not in problem["detail"]
    return problem


def assert_nothing_happened() -> None:
    """No order was written, no stock is held, nobody was told, and no answer is kept for a repeat."""
    assert Order.all_objects.count() == 0
    assert Event.objects.count() == 0
    assert OutboxEntry.objects.count() == 0
    assert IdempotentAnswer.objects.count() == 0
    assert_nothing_held()


def assert_nothing_held() -> None:
    assert list(Stock.objects.exclude(reserved=0).values_list("product_id", "reserved")) == []
    assert list(Reservation.objects.filter(state="held").values_list("pk", flat=True)) == []


def _code_of(response: Any) -> Any:
    if not response.headers.get("Content-Type", "").endswith("json"):
        return None
    return response.json().get("code")
