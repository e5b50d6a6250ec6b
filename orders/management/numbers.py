"""Numbers as commands take them: in words what they can be, when they cannot."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Final

# A hundred years, in days: more is beyond what dates can say.
MOST_DAYS: Final = 36_500


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """For `type=` of an argument: a whole number within the bounds."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise ArgumentTypeError(f"{text!r} is not a whole number from {least:,} to {most:,}")
        return value

    return read


def number(least: float, most: float) -> Callable[[str], float]:
    """The same with digits after the point."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:  # nor is `nan`
            raise ArgumentTypeError(f"{text!r} is not a number from {least:,} to {most:,}")
        return value

    return read
