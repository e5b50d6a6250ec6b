"""Whose export it is, and what the export itself does not tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import NamedTuple


class Shop(NamedTuple):
    """`zone` is that of times without an offset. `tax_included` says whether prices have the tax in them, where
    somebody has said so.
    """

    storefront: str
    zone: tzinfo
    tax_included: bool | None = None

    @property
    def tax_readings(self) -> Sequence[bool]:
        """Which ways prices can be read, with the tax in them or without: the one that makes the total is right."""
        return (False, True) if self.tax_included is None else (self.tax_included,)
