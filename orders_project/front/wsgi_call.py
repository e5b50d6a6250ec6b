"""One request from ASGI to a WSGI application (PEP 3333) and back, once its body is here."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_SAME_FOR_ALL: Final[Environ] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
_MOST_NAMES: Final = 500
# Set where a length was meant, and sent under a name that is not read.
UNCLEAR_LENGTH: Final = "front.unclear_length"
_LENGTHS: Final = frozenset({b"content_length", b"transfer_encoding"})
# Names one of these that came more than once; joined by a comma they would be read as a value nobody has sent.
DOUBLED: Final = "front.doubled"
ONCE: Final = frozenset({b"authorization", b"content-type", b"host", b"idempotency-key", b"if-match", b"x-api-key"})


@dataclass(slots=True)
class Answer:
    """Status, headers as ASGI wants them, and the whole body."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


def environ_of(scope: Any) -> Environ:
    """What CGI calls an ASGI scope's parts. The body stays to be added: see `set_body`.

    A header's name with an underscore would be taken for another header's, which perhaps a proxy has set, and
    is left out.
    """
    path: str = scope["path"]
    environ: Environ = {
        **_SAME_FOR_ALL,
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": path if path.isascii() else path.encode("utf-8", "surrogatepass").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": "HTTP/1.1" if scope["http_version"] != "1" else "HTTP/1.0",
        "wsgi.url_scheme": scope["scheme"],
    }
    environ["SERVER_NAME"], environ["SERVER_PORT"] = scope["server"]
    environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = scope["client"]
    for name, value in scope["headers"]:
        variable = _variable(name)
        if variable is None:
            if name in _LENGTHS:
                environ[UNCLEAR_LENGTH] = True
            continue
        text = value.decode("latin-1")
        if variable in environ:
            if name in ONCE:
                environ[DOUBLED] = name.decode()
            text = f"{environ[variable]}{'; ' if variable == 'HTTP_COOKIE' else ','}{text}"
        environ[variable] = text
    return environ


def set_body(environ: Environ, body: bytes) -> None:
    """Put in the body that was read, with its true length; one that was announced and is empty has a length, too."""
    environ["wsgi.input"] = io.BytesIO(body)
    if body or "HTTP_TRANSFER_ENCODING" in environ:
        environ["CONTENT_LENGTH"] = str(len(body))


def call(application: Application, environ: Environ) -> Answer:
    """What the application answers, all of it."""
    answer = Answer()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        answer.status = int(status[:3])
        answer.headers = [(name.encode("latin-1"), value.strip().encode("latin-1")) for name, value in headers]

    parts = application(environ, start_response)
    try:
        answer.body = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return answer


@lru_cache(maxsize=_MOST_NAMES)
def _variable(name: bytes) -> str | None:
    if b"_" in name:
        return None
    variable = name.decode("latin-1").upper().replace("-", "_")
    return variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"
