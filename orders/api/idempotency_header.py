"""The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header-07)."""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec
from django.http import HttpRequest

from orders.operations import Idempotency
from orders.rules.errors import InvalidRequest

_VISIBLE_ASCII: Final = re.compile(r"^[\x21-\x7e]{1,255}$")


def idempotency_of(request: HttpRequest, body: object) -> Idempotency | None:
    """The key, bare or quoted, with a digest of what is asked for under it; None when there is no header.

    `body` is the request as it was read, so that spaces and the order of keys make no difference.
    Raises InvalidRequest.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if len(key) > 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _VISIBLE_ASCII.match(key):
        raise InvalidRequest.at(
            "Idempotency-Key",
            "wrong_format",
            "An Idempotency-Key is 1 to 255 visible ASCII characters, for example a UUID",
        )
    asked = f"{request.method} {request.path}\n".encode() + msgspec.json.encode(body, order="deterministic")
    return Idempotency(key, hashlib.sha256(asked).hexdigest())
