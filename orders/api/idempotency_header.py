"""The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header-07)."""

from __future__ import annotations

import re
from typing import Final

from django.http import HttpRequest

from orders.operations import KEY_PATTERN, Idempotency, fingerprint_of
from orders.rules.errors import InvalidRequest

_VISIBLE_ASCII: Final = re.compile(KEY_PATTERN)


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
    return Idempotency(key, fingerprint_of(request.method or "", request.path, body))
