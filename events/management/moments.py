"""Points in time as arguments of commands."""

from argparse import ArgumentTypeError
from datetime import datetime


def moment(text: str) -> datetime:
    """A type of arguments: ISO 8601 with its offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} is not a time with its offset, such as 2026-03-01T00:00:00Z")
    return found
