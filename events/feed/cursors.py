"""Where a consumer is in the feed, as it is told: opaque, and of one storefront."""

from __future__ import annotations

import base64
import struct
from typing import Final, NamedTuple

_PACKED: Final = struct.Struct("!IQ")


class Cursor(NamedTuple):
    """Behind the event at `position`; 0 is before all."""

    storefront_id: int
    position: int

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(_PACKED.pack(*self)).decode()

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Raises ValueError for what this service has not given out."""
        try:
            cursor = cls(*_PACKED.unpack(base64.b64decode(text, altchars="-_", validate=True)))
        except struct.error as error:
            raise ValueError("not as long as a cursor") from error
        if str(cursor) != text or cursor.position >= 2**63:
            raise ValueError("not a cursor")
        return cursor
