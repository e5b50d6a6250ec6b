"""How long a request's body is said to be. Where no body means "all of it", nobody may have to guess."""

from __future__ import annotations

from typing import Final

from orders_project.front import refusals
from orders_project.front.refusals import Refusal
from orders_project.front.wsgi_call import UNCLEAR_LENGTH, Environ

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def announced_bytes(environ: Environ) -> int | None:
    """The bytes that are to come; None where they come in chunks."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return None
    # Sent twice it is the same number twice: the server refuses everything else.
    return int(environ.get("CONTENT_LENGTH", "").partition(",")[0] or 0)


def refusal_of_length(environ: Environ) -> Refusal | None:
    """A body without a length ends with the connection in HTTP/1.0 (RFC 1945 §7.2.2), and the server reads none."""
    has_length = "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ
    old = environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    if UNCLEAR_LENGTH in environ or (old and not has_length and environ["REQUEST_METHOD"] not in _WITHOUT_BODY):
        return refusals.LENGTH_REQUIRED
    return None
