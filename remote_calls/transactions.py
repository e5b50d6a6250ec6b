"""No network call inside a transaction."""

from django.db import connection


def refuse_open_transaction(call: str) -> None:
    """Raise RuntimeError inside a transaction: its locks would last as long as the other service takes to answer.

    The transaction a test case wraps around a test does not count, as with Django's durable blocks.
    """
    if not connection.in_atomic_block:
        return
    # Set by django.test.TestCase alone; Django's Atomic reads it for the same purpose.
    if not connection.atomic_blocks[-1]._from_testcase:  # type: ignore[attr-defined]
        raise RuntimeError(
            f"{call}() was called inside a database transaction. "
            "Call it before the transaction begins, or after it has ended."
        )
