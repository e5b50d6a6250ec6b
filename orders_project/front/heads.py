"""What of a request's head cannot be understood in one way only, and is refused before anybody guesses."""

from __future__ import annotations

from typing import Final

from orders_project.front import refusals
from orders_project.front.refusals import Refusal
from orders_project.front.wsgi_call import DOUBLED, Environ

# Methods are case-sensitive (RFC 9110 §9.1); Django would take `post` for POST.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


def refusal_of_head(environ: Environ) -> Refusal | None:
    """A method that no route has, or a header twice that takes one value."""
    if environ["REQUEST_METHOD"] not in _METHODS:
        return refusals.UNKNOWN_METHOD
    return refusals.doubled_header(environ[DOUBLED]) if DOUBLED in environ else None
