"""Endpoints' secrets: made here, and kept so that whoever has the database alone cannot read them (AES-256-GCM)."""

import base64
import hmac
import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

SECRET_BYTES = 32
_NONCE_BYTES = 12
_PREFIX = "whsec_"


class Unreadable(ValueError):
    """The secret was sealed with another SECRET_KEY, or for another endpoint."""


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """As Standard Webhooks hands it out."""
    return _PREFIX + base64.b64encode(secret).decode()


def seal(secret: bytes, *, endpoint_id: UUID) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(settings.SECRET_KEY).encrypt(nonce, secret, endpoint_id.bytes)


def unseal(sealed: bytes, *, endpoint_id: UUID) -> bytes:
    """Raises Unreadable."""
    nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    for key in map(str, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)):
        try:
            return _cipher(key).decrypt(nonce, encrypted, endpoint_id.bytes)
        except InvalidTag:
            continue
    raise Unreadable("The secret cannot be read: SECRET_KEY is another one than when it was made. Rotate it.")


def _cipher(key: str) -> AESGCM:
    """A key of its own for this purpose, derived from SECRET_KEY."""
    return AESGCM(hmac.digest(key.encode(), b"events.webhooks.sealing", "sha256"))
