"""Who is calling: the API key of a storefront.

Keys are made and hashed by djangorestframework-api-key. Checking one costs at most one query, and what
it gave is remembered in this process for API_KEY_CACHE_SECONDS, so a revoked key works at most that
much longer. Wrong keys are remembered too: guessing costs the database nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from orders.models import ApiKey, Storefront

_MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class KeyPrincipal:
    """The caller: a key, its storefront, what it may do. It stands where DRF keeps the user."""

    prefix: str
    storefront: Storefront
    scopes: frozenset[str]
    expires_at: datetime | None
    is_authenticated: bool = True

    @property
    def actor(self) -> str:
        return f"key:{self.prefix}"


class _Memory:
    """What was found for a key, for a few seconds. Keys stand in it only as digests."""

    def __init__(self) -> None:
        self._found: OrderedDict[bytes, tuple[float, KeyPrincipal | str]] = OrderedDict()
        self._lock = Lock()

    def get(self, digest: bytes) -> KeyPrincipal | str | None:
        entry = self._found.get(digest)
        return entry[1] if entry is not None and entry[0] > time.monotonic() else None

    def last(self, digest: bytes) -> KeyPrincipal | None:
        """Whom the key stood for when it was looked up last, however long ago."""
        entry = self._found.get(digest)
        return entry[1] if entry is not None and isinstance(entry[1], KeyPrincipal) else None

    def put(self, digest: bytes, found: KeyPrincipal | str) -> None:
        with self._lock:
            self._found[digest] = (time.monotonic() + settings.API_KEY_CACHE_SECONDS, found)
            self._found.move_to_end(digest)
            while len(self._found) > _MOST_REMEMBERED:
                self._found.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._found.clear()


remembered_keys = _Memory()


class StorefrontKeyAuthentication(BaseAuthentication):
    """`X-API-Key: <key>`, or `Authorization: Api-Key <key>`."""

    def authenticate(self, request: Request) -> tuple[KeyPrincipal, KeyPrincipal] | None:
        key = key_in(request.META)
        if key is None:
            return None
        found = find_key(key)
        if isinstance(found, str):
            raise AuthenticationFailed(found)
        # For the request log, which sees only Django's request.
        request._request.storefront_code = found.storefront.code  # type: ignore[attr-defined]
        return found, found

    def authenticate_header(self, request: Request) -> str:
        return "Api-Key"


def find_key(key: str) -> KeyPrincipal | str:
    """Whom the key stands for, or a sentence that says why it stands for nobody."""
    digest = _digest(key)
    found = remembered_keys.get(digest)
    if found is None:
        found = _look_up(key)
        remembered_keys.put(digest, found)
    if isinstance(found, KeyPrincipal) and found.expires_at is not None and found.expires_at <= timezone.now():
        return "This API key has expired. Ask for a new one."
    return found


def _look_up(key: str) -> KeyPrincipal | str:
    prefix, _, secret = key.partition(".")
    stored = None
    if prefix and secret and key.isascii() and "\0" not in key:
        stored = ApiKey.objects.select_related("storefront").filter(prefix=prefix).first()
    if stored is None or not stored.is_valid(key):
        return "This API key is not known. Send the whole key, as it was shown when it was made."
    if stored.revoked:
        return "This API key has been revoked. Ask for a new one."
    return KeyPrincipal(
        prefix=stored.prefix,
        storefront=stored.storefront,
        scopes=frozenset(stored.scopes),
        expires_at=stored.expiry_date,
    )


def remembered_principal(key: str) -> KeyPrincipal | None:
    """Whom the key stood for the last time; only for sharing out what it may ask next, never for letting it in."""
    return remembered_keys.last(_digest(key))


def key_in(headers: Mapping[str, Any]) -> str | None:
    """The API key that a request was sent with, from its headers as CGI names them."""
    if key := headers.get("HTTP_X_API_KEY"):
        return str(key).strip()
    scheme, _, key = str(headers.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return key.strip() if scheme.lower() == "api-key" and key.strip() else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
