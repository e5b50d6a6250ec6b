"""Places in a list as they stand in addresses of whoever does not see every row: they tell nothing of the row."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES: Final = 12


class NoPlace(ValueError):
    """It is none that was sealed here, for this list."""


def seal(place: str, *, listed: str) -> str:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    # Padded: how long a number is says how large it is.
    encrypted = _cipher(settings.SECRET_KEY).encrypt(nonce, place.ljust(36).encode(), listed.encode())
    return base64.urlsafe_b64encode(nonce + encrypted).decode().rstrip("=")


def unseal(sealed: str, *, listed: str) -> str:
    """Raises NoPlace."""
    try:
        known = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    except (binascii.Error, ValueError):
        raise NoPlace(sealed) from None
    nonce, encrypted = known[:_NONCE_BYTES], known[_NONCE_BYTES:]
    for key in map(str, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)):
        try:
            return _cipher(key).decrypt(nonce, encrypted, listed.encode()).decode().rstrip()
        except (InvalidTag, ValueError):  # another key's, or too short to be anything
            continue
    raise NoPlace(sealed)


def _cipher(key: str) -> AESGCM:
    """A key of its own for this purpose, derived from SECRET_KEY."""
    return AESGCM(hmac.digest(key.encode(), b"events.sealed_places", "sha256"))
