"""A repeat is harmless: the answer is stored with its effect, and a repeat gets the same one.

The key's row is inserted in the transaction that writes the orders, so there is no look-up before: a
unique violation is the repeat. An answer that changed nothing is not stored; its repeat is tried anew.
(The header is draft-ietf-httpapi-idempotency-key-header-07.)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from orders.models import IdempotentAnswer
from orders.rules import errors

_FORGOTTEN_AT_ONCE: Final = 1000
_FORGET: Final = """
delete from orders_idempotentanswer where ctid = any (array(
    select ctid from orders_idempotentanswer where created_at < %s limit %s for update skip locked
))
"""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The caller's key, and the digest (hex) of what it asked for under it."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    status: int
    body: bytes


class Replay(Exception):
    """The request came before; `answer` is what it got then."""

    def __init__(self, answer: StoredAnswer) -> None:
        self.answer = answer
        super().__init__("This request has been answered before.")


def raise_if_answered(storefront_id: int, idempotency: Idempotency) -> None:
    """Raise Replay when this request was answered before, IdempotencyKeyReused when the key answered another."""
    stored = IdempotentAnswer.objects.filter(storefront_id=storefront_id, key=idempotency.key).first()
    if stored is None:
        return
    if bytes(stored.fingerprint).hex() != idempotency.fingerprint:
        raise errors.IdempotencyKeyReused()
    raise Replay(StoredAnswer(stored.status, bytes(stored.body)))


def answer_row(storefront_id: int, idempotency: Idempotency, answer: StoredAnswer) -> dict[str, Any]:
    """The row that is written with the answer's effect."""
    return {
        "storefront_id": storefront_id,
        "key": idempotency.key,
        "fingerprint": idempotency.fingerprint,
        "status": answer.status,
        "body": answer.body.decode(),
    }


def answer_fields(storefront_id: int, idempotency: Idempotency, answer: StoredAnswer) -> dict[str, Any]:
    """The same as fields of an IdempotentAnswer."""
    return {
        "storefront_id": storefront_id,
        "key": idempotency.key,
        "fingerprint": bytes.fromhex(idempotency.fingerprint),
        "status": answer.status,
        "body": answer.body,
    }


def forget_answers(*, before: datetime) -> int:
    """Remove answers nobody will ask for again; return how many.

    A bounded number at once, each time in a transaction of its own: however many there are, it gets on, and what one
    sweeper is removing no other waits for.
    """
    forgotten = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_FORGET, [before, _FORGOTTEN_AT_ONCE])
            forgotten += int(cursor.rowcount)
            if cursor.rowcount < _FORGOTTEN_AT_ONCE:
                return forgotten
