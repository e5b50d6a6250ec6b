"""Browsers from which people have signed in before. Strangers' failures do not lock them out.

A signed cookie names the users who have. It lets nobody in: it only has wrong passwords counted apart from everybody
else's (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Final, Self

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from orders_project.back_office import BACK_OFFICE_PATH

COOKIE: Final = "known_device"
_SALT: Final = "orders_project.sign_in.known_devices"
_REMEMBERED_FOR: Final = timedelta(days=365)
_MOST_USERS: Final = 10


@dataclass(frozen=True, slots=True)
class Device:
    """A browser, by an id of its own, and digests of the users who have signed in from it, the latest last."""

    id: str
    users: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        """A new one, which knows nobody, where there is no cookie, or none of ours."""
        try:
            device_id, *users = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_REMEMBERED_FOR)
        except signing.BadSignature:
            return cls(secrets.token_urlsafe(12))
        return cls(device_id, tuple(users))

    def knows(self, username: str) -> bool:
        return _digest(username) in self.users

    def with_user(self, username: str) -> Self:
        others = [user for user in self.users if user != _digest(username)]
        return replace(self, users=(*others, _digest(username))[-_MOST_USERS:])

    def remember(self, response: HttpResponseBase) -> None:
        response.set_cookie(
            COOKIE,
            signing.dumps([self.id, *self.users], salt=_SALT),
            max_age=_REMEMBERED_FOR,
            path=BACK_OFFICE_PATH,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def _digest(username: str) -> str:
    return sha256(username.encode()).hexdigest()[:22]
