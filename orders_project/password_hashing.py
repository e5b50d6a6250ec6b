"""Passwords, hashed by few at a time: a hash is meant to cost a core for a good while, and anybody may ask for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import BoundedSemaphore
from typing import Final

from django.contrib.auth.hashers import PBKDF2PasswordHasher

# Of each process. A worker has two threads: strangers keep at most one of them busy.
STRANGERS_AT_ONCE: Final = 1
KNOWN_AT_ONCE: Final = 1

_strangers = BoundedSemaphore(STRANGERS_AT_ONCE)
_known = BoundedSemaphore(KNOWN_AT_ONCE)
_is_stranger = ContextVar("is_stranger", default=False)


class HashingBusy(Exception):
    """Another stranger's password is being hashed."""


@contextmanager
def for_stranger() -> Iterator[None]:
    """What is hashed within is for somebody who has never signed in from where they are: they do not wait in line."""
    token = _is_stranger.set(True)
    try:
        yield
    finally:
        _is_stranger.reset(token)


class BoundedPasswordHasher(PBKDF2PasswordHasher):
    """Django's own, in which strangers do not take what the others need.

    Checking a password encodes it too. Raises HashingBusy at once where a stranger would have to wait; signed-in
    people, commands and known devices wait for their turn.
    """

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        places, may_wait = (_strangers, False) if _is_stranger.get() else (_known, True)
        if not places.acquire(blocking=may_wait):
            raise HashingBusy
        try:
            return super().encode(password, salt, iterations)
        finally:
            places.release()
