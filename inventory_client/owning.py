"""Whose a hold is at this moment: of a transaction that writes an order on it, or of a release."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, transaction

from inventory_client.errors import ReservationInUse

Standing = Callable[[], bool]


def own(reservation_ids: Sequence[UUID]) -> bool:
    """Hold on to reservations until the caller's transaction ends, so that no release takes them for abandoned.

    False when one of them is released, or being released, already: then nothing may be written on them.
    `sql/own.sql` says what is locked; orders_place() calls that itself.
    """
    with connection.cursor() as cursor:
        cursor.execute("select inventory_own(%s::uuid[])", [list(reservation_ids)])
        (owned,) = cursor.fetchone()
    return bool(owned)


@contextmanager
def released_alone(table: str, reservation_id: UUID) -> Iterator[None]:
    """A transaction of its own, in which nobody else owns the reservation whose row stands in the table.

    Raises ReservationInUse at once when somebody does.
    """
    with transaction.atomic():
        try:
            with connection.cursor() as cursor:
                statement = f"select 1 from {table} where id = %s for update nowait"  # noqa: S608 - one of our tables
                cursor.execute(statement, [reservation_id])
        except OperationalError as error:
            if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise ReservationInUse(reservation_id) from error
            raise
        yield
