"""A repeat is harmless: the answer is stored with its effect, and a repeat gets the same one.

The key's row is inserted in the transaction that writes the orders, so there is no look-up before: a
unique violation is the repeat. An answer that changed nothing is not stored; its repeat is tried anew.
(The header is draft-ietf-httpapi-idempotency-key-header-07.)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from django.db import connection

from orders.models import IdempotentAnswer
from orders.rules import clock, errors

# What a caller may choose. Keys of our own have a space.
KEY_PATTERN: Final = r"^[\x21-\x7e]{1,255}$"
_FORGOTTEN_AT_ONCE: Final = 1000
_FORGET: Final = """
with due as materialized (
    select ctid, created_at from orders_idempotentanswer
     where created_at >= %(after)s and created_at < %(before)s
     order by created_at limit %(limit)s for update skip locked
), forgotten as (
    delete from orders_idempotentanswer where ctid = any (array(select ctid from due))
)
select count(*), max(created_at) from due
"""
_FIRST_OF_ALL: Final = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The caller's key, and the digest (hex) of what it asked for under it."""

    key: str
    fingerprint: str


def fingerprint_of(method: str, path: str, body: object) -> str:
    """The digest of a request, however it came: `body` is what was read of it."""
    asked = f"{method} {path}\n".encode() + msgspec.json.encode(body, order="deterministic")
    return hashlib.sha256(asked).hexdigest()


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
        "created_at": clock.now(),
    }


def forget_answers(*, before: datetime) -> int:
    """Remove answers nobody will ask for again; return how many.

    A bounded number at once, each time in a transaction of its own: however many there are, it gets on, and what one
    sweeper is removing no other waits for. Each begins where the last one ended: it reads no traces of those before.
    """
    forgotten, after = 0, _FIRST_OF_ALL
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_FORGET, {"after": after, "before": before, "limit": _FORGOTTEN_AT_ONCE})
            count, newest = cursor.fetchone()
            forgotten += int(count)
            if count < _FORGOTTEN_AT_ONCE:
                return forgotten
            after = newest
