"""What forgetting stored answers costs: as much as there is to forget, whatever came and went before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from orders import operations
from orders.models import FailedSignIns
from orders.operations import idempotency
from tests.plans import cost_of, cost_of_each, long_reader, vacuum

DAY = timedelta(days=1)
# Every other one is old.
ANSWERS = """
insert into orders_idempotentanswer (storefront_id, key, fingerprint, status, headers, body, created_at)
select 1, gen_random_uuid()::text, '\\x00', 201, '{}', convert_to(repeat('x', 200), 'UTF8'),
       now() - case when n % 2 = 0 then interval '9 days' else interval '0' end + n * interval '1 second'
  from generate_series(1, 12000) n
"""


def fill(statement: str = ANSWERS) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    vacuum("orders_idempotentanswer")


def test_forgetting_nothing_costs_nothing_after_the_space_of_old_answers_was_used_again(database: None) -> None:
    before = timezone.now() - 7 * DAY
    fill()
    assert operations.forget_answers(before=before) == 6000
    vacuum("orders_idempotentanswer")
    fill()
    assert operations.forget_answers(before=before) == 6000
    vacuum("orders_idempotentanswer")

    cost = cost_of(lambda: operations.forget_answers(before=before), naming="orders_idempotentanswer")

    assert cost.pages <= 12
    assert cost.indexes == {"idempotent_answer_by_age"}


def test_pieces_go_on_where_the_last_one_ended(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "_FORGOTTEN_AT_ONCE", 60)
    fill()

    with long_reader():
        pieces = cost_of_each(lambda: operations.forget_answers(before=timezone.now() - 7 * DAY), beginning="with due")

    assert len(pieces) == 101
    assert max(piece.pages for piece in pieces) <= 1.5 * pieces[0].pages


def test_whoever_signs_in_removes_a_bounded_number_of_old_failures(database: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into orders_failedsignins (key, counted_by, username, address, failures, counted_at, paused_until)
            select md5(n::text), 'address', '', '', 1, now() - interval '2 days', now() from generate_series(1, 1500) n
            """
        )

    FailedSignIns.objects.forget_older_than(DAY)

    assert FailedSignIns.objects.count() == 500
