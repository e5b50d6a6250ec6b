"""One attempt at a transaction of an import: what its failure means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.db import DataError, IntegrityError, OperationalError

from orders.operations.constraints import broken_constraint
from orders.rules import errors

# Another import of the same orders holds them until its batch is whole, which is longer than a request may wait.
PATIENCE_SQL: Final = "select set_config('lock_timeout', '60s', true), set_config('statement_timeout', '120s', true)"
TRIES: Final = 10
# SQLSTATEs of two transactions in each other's way: the same work succeeds when it is done again.
_IN_THE_WAY: Final = frozenset({"40001", "40P01", "55P03"})


class LookAgain(Exception):
    """Another transaction has changed one of these orders, or stood in the way: less may be missing now."""


def refusal_of(work: Callable[[], None]) -> errors.OrderError | None:
    """Do the work, one transaction; None when it is done, else why it is refused.

    Raises LookAgain, and OperationalError when the database cannot be used.
    """
    try:
        work()
    except (errors.OrderBusy, errors.VersionMismatch) as error:
        raise LookAgain from error
    except errors.OrderError as refusal:
        return refusal
    except (DataError, IntegrityError, OperationalError) as error:
        if getattr(error.__cause__, "sqlstate", None) in _IN_THE_WAY:
            raise LookAgain from error
        if isinstance(error, OperationalError):
            raise
        match broken_constraint(error):
            case "order_reference_once" | "order_number_once" | "payment_reference_once":  # the next try knows of it
                raise LookAgain from error
        detail = f"The database refuses the order: {str(error).splitlines()[0]}."
        return errors.InvalidRequest.at("", "refused_by_database", detail)
    return None
