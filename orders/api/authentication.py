"""Who is calling: the API key of a storefront.

Keys are made and hashed by djangorestframework-api-key. Checking one costs at most one query, and what
it gave is remembered in this process for API_KEY_CACHE_SECONDS, so a revoked key, or one of a storefront that
was switched off, works at most that much longer. Wrong keys are remembered too, apart, and keys nobody has used
yet are looked up within a budget: guessing keys keeps neither the database busy nor known keys from working.
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
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from orders.api.lookup_budget import LookupBudget
from orders.models import ApiKey, Storefront
from orders.rules.callers import Caller, key_caller
from orders.rules.errors import StorefrontSwitchedOff

_MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class KeyPrincipal:
    """The caller: a key, its storefront, what it may do. It stands where DRF keeps the user."""

    caller: Caller
    storefront: Storefront
    scopes: frozenset[str]
    expires_at: datetime | None
    is_authenticated: bool = True


class _Memory:
    """What was found for a key, for a few seconds. Keys stand in it only as digests."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[float, KeyPrincipal | str]] = OrderedDict()
        self._wrong: OrderedDict[bytes, tuple[float, KeyPrincipal | str]] = OrderedDict()
        self._lock = Lock()
        self._budget = LookupBudget()

    def get(self, digest: bytes) -> KeyPrincipal | str | None:
        entry = self._known.get(digest) or self._wrong.get(digest)
        return entry[1] if entry is not None and entry[0] > time.monotonic() else None

    def last(self, digest: bytes) -> KeyPrincipal | None:
        """Whom the key stood for when it was looked up last, however long ago."""
        entry = self._known.get(digest)
        return entry[1] if entry is not None and isinstance(entry[1], KeyPrincipal) else None

    def may_look_up(self, digest: bytes) -> bool:
        """A key that was right a while ago always; any other within the budget."""
        return digest in self._known or self._budget.take()

    def put(self, digest: bytes, found: KeyPrincipal | str) -> None:
        right = isinstance(found, KeyPrincipal)
        kept, other = (self._known, self._wrong) if right else (self._wrong, self._known)
        with self._lock:
            other.pop(digest, None)
            kept[digest] = (time.monotonic() + settings.API_KEY_CACHE_SECONDS, found)
            kept.move_to_end(digest)
            while len(kept) > _MOST_REMEMBERED:
                kept.popitem(last=False)

    def clear(self) -> None:
        """Look everything up again. Which keys have been right stays known: it is what the budget spares."""
        with self._lock:
            for digest, (_, found) in self._known.items():
                self._known[digest] = (0.0, found)
            self._wrong.clear()
        self._budget.reset()


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
        _refuse_switched_off(found.storefront)
        return found, found

    def authenticate_header(self, request: Request) -> str:
        return "Api-Key"


def _refuse_switched_off(storefront: Storefront) -> None:
    """Raise StorefrontSwitchedOff while it is."""
    if storefront.switched_off_at is not None:
        raise StorefrontSwitchedOff(
            storefront.code, since=storefront.switched_off_at, reason=storefront.switched_off_reason
        )


def find_key(key: str) -> KeyPrincipal | str:
    """Whom the key stands for, or a sentence that says why it stands for nobody.

    Raises Throttled while too many keys are tried that nobody has used yet.
    """
    digest = _digest(key)
    found = remembered_keys.get(digest)
    if found is None:
        if not remembered_keys.may_look_up(digest):
            raise Throttled(1, "Too many unknown keys are being tried, and this one has not been used yet.")
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
    scopes = frozenset(stored.scopes)
    return KeyPrincipal(
        caller=key_caller(
            f"key:{stored.prefix}",
            storefront_id=stored.storefront_id,
            scopes=scopes,
            made_by=stored.made_by,
        ),
        storefront=stored.storefront,
        scopes=scopes,
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
