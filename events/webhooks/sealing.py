"""Endpoints' secrets: made here, and kept so that whoever has the database alone cannot read them.

Encrypted and authenticated with keys that are derived from SECRET_KEY. A secret is as long as one block of HMAC-SHA256,
so a pad that is the HMAC of a fresh nonce encrypts it whole.
"""

import base64
import hmac
import secrets
from uuid import UUID

from django.conf import settings

SECRET_BYTES = 32
_NONCE_BYTES = 16
_TAG_BYTES = 32
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
    encrypted = _masked(settings.SECRET_KEY, nonce, secret)
    return nonce + encrypted + _tag(settings.SECRET_KEY, endpoint_id, nonce + encrypted)


def unseal(sealed: bytes, *, endpoint_id: UUID) -> bytes:
    """Raises Unreadable."""
    box, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
    for key in map(str, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)):
        if hmac.compare_digest(tag, _tag(key, endpoint_id, box)):
            return _masked(key, box[:_NONCE_BYTES], box[_NONCE_BYTES:])
    raise Unreadable("The secret cannot be read: SECRET_KEY is another one than when it was made. Rotate it.")


def _masked(key: str, nonce: bytes, text: bytes) -> bytes:
    pad = hmac.digest(_derived(key, b"encrypt"), nonce, "sha256")
    return bytes(one ^ other for one, other in zip(text, pad, strict=True))


def _tag(key: str, endpoint_id: UUID, box: bytes) -> bytes:
    return hmac.digest(_derived(key, b"authenticate"), endpoint_id.bytes + box, "sha256")


def _derived(key: str, purpose: bytes) -> bytes:
    return hmac.digest(key.encode(), b"events.webhooks.sealing " + purpose, "sha256")
