"""The headers of answers that a client needs."""

from __future__ import annotations

from typing import Any, Final

from orders.api.components.shapes import ref

_TEXT: Final = {"type": "string"}

HEADERS: Final[dict[str, Any]] = {
    "ETag": {
        "description": 'The order\'s version, for `If-Match` and `If-None-Match`. Weak (`W/"3"`) when the answer is '
        "compressed, and as good. A rehearsal has none.",
        "schema": _TEXT,
    },
    "Location": {"description": "Where the order is read.", "schema": _TEXT},
    "Idempotent-Replayed": {
        "description": "`true` when this is the stored answer to an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    },
    "Preference-Applied": {
        "description": "`dry-run` when nothing was changed, `respond-async` when it is done later: as `Prefer` asked.",
        "schema": ref("AppliedPreference"),
    },
    "Retry-After": {
        "description": "Seconds after which the same request, or reading what became of it, may do better.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "How a key can be sent.", "schema": {"type": "string", "const": "Api-Key"}},
    "X-Request-ID": {
        "description": "Names this request in the log: the caller's own, if it sent one of up to 128 plain characters.",
        "schema": _TEXT,
    },
}
