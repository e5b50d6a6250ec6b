"""Bodies without a Content-Length: sent in chunks (RFC 9112 §7.1), or over HTTP/2.

Django takes a request without that header for one without a body. Where no body means "all of it", an
operation on two units would be done to every unit of the order; so the body is read here, and its length
is told.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any, Final

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})


class WholeBodies:
    """A WSGI application (PEP 3333) in front of Django's; it reads no more than `most` bytes and one."""

    def __init__(self, application: Application, *, most: int) -> None:
        self._application = application
        self._most = most

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("CONTENT_LENGTH") and environ["REQUEST_METHOD"] not in _WITHOUT_BODY:
            body = environ["wsgi.input"].read(self._most + 1)
            if body or "HTTP_TRANSFER_ENCODING" in environ:
                # Longer than Django reads: it answers with a 413, as it does to every longer body.
                environ["wsgi.input"] = io.BytesIO(body)
                environ["CONTENT_LENGTH"] = str(len(body))
        return self._application(environ, start_response)
