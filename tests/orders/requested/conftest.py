"""Orders asked for first and placed later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from events.feed.numbering import number_what_waits
from orders.doctor import Extent, Severity, examine
from orders.operations import Progress, place_requested
from tests.chaos.promises import broken_promises

Asks = Callable[..., Any]


@pytest.fixture
def ask_for(api: Client) -> Asks:
    """Ask for an order, to be placed later; the answer: `ask_for(cup=1)`, `ask_for(cup=1, key="k", note="n")`."""

    def ask(*, key: str | None = None, prefer: str = "respond-async", note: str = "", **quantities: int) -> Any:
        items = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in quantities.items()]
        body = {"customer_id": "cus123", "items": items, "note": note}
        headers = {"Prefer": prefer} | ({"Idempotency-Key": key} if key else {})
        return api.post("/api/v1/orders", body, content_type="application/json", headers=headers)

    return ask


@pytest.fixture
def place_all() -> Callable[[], Progress]:
    """Place what is due, as a worker does."""

    def place() -> Progress:
        total = Progress()
        while (progress := place_requested()).taken:
            total = Progress.sum([total, progress])
        return total

    return place


@pytest.fixture
def nothing_is_wrong() -> Callable[[], None]:
    """The doctor finds nothing, and no promise is broken."""

    def look() -> None:
        number_what_waits()
        report = examine(Extent())
        assert [report.of(severity) for severity in Severity] == [[], []]
        assert broken_promises() == {}

    return look


@pytest.fixture
def answers_in_the_way() -> Callable[[int], AbstractContextManager[None]]:
    """So many times an old answer is in the way when one is stored, and forgotten when it is looked for."""

    @contextmanager
    def in_the_way(times: int) -> Iterator[None]:
        with connection.cursor() as cursor:
            cursor.execute(_IN_THE_WAY.format(times=times))
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("drop function in_the_way() cascade; drop sequence in_the_way_before")

    return in_the_way


_IN_THE_WAY = """
create sequence in_the_way_before;
create function in_the_way() returns trigger language plpgsql as $$ begin
    if nextval('in_the_way_before') <= {times} then return null; end if; return new;
end $$;
create trigger in_the_way before insert on orders_idempotentanswer for each row execute function in_the_way();
"""
