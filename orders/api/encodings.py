"""Which encoding of an answer a client takes (RFC 9110 §12.5.3)."""

from __future__ import annotations

import re
from typing import Final

from django.http import HttpRequest

# A weight of zero forbids it.
_GZIP: Final = re.compile(r"(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)", re.IGNORECASE)


def accepts_gzip(request: HttpRequest) -> bool:
    """Whether the client names gzip, and does not forbid it."""
    return _GZIP.search(request.META.get("HTTP_ACCEPT_ENCODING", "")) is not None
