"""Whose export it is, and what the export itself does not tell."""

from __future__ import annotations

from datetime import tzinfo
from typing import NamedTuple


class Shop(NamedTuple):
    """`zone` is that of times without an offset. Where the file leaves it open, `tax_included` says whether prices
    have the tax in them.
    """

    storefront: str
    zone: tzinfo
    tax_included: bool | None = None
