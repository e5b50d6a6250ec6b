"""What the HTTP client has asked the inventory for, written down before it asks.

A process that dies between the call and the order leaves its row here: the sweeper finds it and gives the
stock back.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from inventory_client.database import delete_in_pieces, rows

# The commit need not wait for the disk: the order's commit, which follows, brings this one with it.
# Rows that are being released (by the sweeper) or have been are not touched and not returned.
ASK = """
insert into inventory_asked_hold as asked (id, state, touched_at)
select id, 'asked', statement_timestamp()
  from unnest(%s::uuid[]) as id
 where set_config('synchronous_commit', 'off', true) = 'off'
 order by id
    on conflict (id) do update set touched_at = greatest(asked.touched_at, excluded.touched_at)
 where asked.state = 'asked'
returning id, touched_at, xmax = 0
"""
# Only if no other call has asked meanwhile.
WITHDRAW = "delete from inventory_asked_hold where id = any(%s::uuid[]) and state = 'asked' and touched_at = %s"
CONFIRMED = "delete from inventory_asked_hold where id = %s and state = 'asked'"
RELEASED = "update inventory_asked_hold set state = 'released' where id = %s"
CLAIM = """
insert into inventory_asked_hold (id, state, touched_at) values (%s, 'releasing', statement_timestamp())
    on conflict (id) do update set state = 'releasing'
"""
CLAIM_UNTOUCHED = """
update inventory_asked_hold set state = 'releasing'
 where id = %s and (state = 'releasing' or (state = 'asked' and touched_at <= %s))
returning id
"""
IS_RELEASED = "select 1 from inventory_asked_hold where id = %s and state = 'released'"
UNTOUCHED = """
(select id, touched_at from inventory_asked_hold where state = 'releasing')
union all
(select id, touched_at from inventory_asked_hold
  where state = 'asked' and touched_at > %s and touched_at <= %s
  order by touched_at fetch first %s rows with ties)
order by touched_at
"""
FORGET = """
with due as materialized (
    select ctid, touched_at from inventory_asked_hold
     where state <> 'releasing' and touched_at >= %(after)s and touched_at < %(before)s
     order by touched_at limit %(limit)s for update skip locked
), forgotten as (
    delete from inventory_asked_hold where ctid = any (array(select ctid from due))
)
select count(*), max(touched_at) from due
"""


class Asked(NamedTuple):
    touched_at: datetime
    first: bool


def ask(reservation_ids: Collection[UUID]) -> dict[UUID, Asked]:
    """Write the ids down; those missing from the answer have been given up and must not be asked for."""
    asked = rows(ASK, [sorted(set(reservation_ids))])
    return {reservation_id: Asked(touched_at, first) for reservation_id, touched_at, first in asked}


def withdraw(reservation_ids: Collection[UUID], *, touched_at: datetime) -> None:
    """Forget ids first asked for at `touched_at` which the inventory certainly does not hold."""
    rows(WITHDRAW, [list(reservation_ids), touched_at])


def confirmed(reservation_id: UUID) -> None:
    rows(CONFIRMED, [reservation_id])


def claim(reservation_id: UUID) -> None:
    """From now on nobody can ask for this id."""
    rows(CLAIM, [reservation_id])


def claim_untouched(reservation_id: UUID, *, before: datetime) -> bool:
    """From now on nobody can ask for this id; False when somebody did after `before`, or it is unknown."""
    return bool(rows(CLAIM_UNTOUCHED, [reservation_id, before]))


def released(reservation_id: UUID) -> None:
    rows(RELEASED, [reservation_id])


def is_released(reservation_id: UUID) -> bool:
    return bool(rows(IS_RELEASED, [reservation_id]))


def untouched(*, after: datetime, before: datetime, limit: int) -> list[tuple[UUID, datetime]]:
    return [(reservation_id, touched_at) for reservation_id, touched_at in rows(UNTOUCHED, [after, before, limit])]


def forget(*, before: datetime) -> int:
    return delete_in_pieces(FORGET, before=before)
