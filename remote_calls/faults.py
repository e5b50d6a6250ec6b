"""Faults on demand: a service that fails exactly as told, for tests and demonstrations."""

import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from io import BytesIO
from itertools import repeat
from threading import Lock, Thread
from typing import Annotated, Any, Final, Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import msgspec
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

PROBLEM: Final = "application/problem+json"
_A_LOT: Final = b" " * 65_536


class FaultKind(StrEnum):
    SHORTAGE = "shortage"  # an inventory's 409 for every line; no effect
    UNKNOWN_PRODUCT = "unknown_product"  # an inventory's 422 for every line; no effect
    SLOW = "slow"  # waits, then does it and answers
    DRIP = "drip"  # does it, then answers one byte at a time, `seconds` apart
    LOST_REPLY = "lost_reply"  # does it, then hangs up
    EFFECT_THEN_500 = "effect_then_500"  # does it, then answers 500
    UNAVAILABLE = "unavailable"  # 503 which says that nothing was done
    BUSY = "busy"  # 503 which says that nothing was done, because others hold these rows
    GARBAGE = "garbage"  # does it, then answers 200 with HTML
    ENDLESS = "endless"  # does it, then answers 200 with blanks, as many as are read
    REDIRECT = "redirect"  # 307 to /elsewhere; no effect
    HANG_UP = "hang_up"  # hangs up before doing anything
    LATE = "late"  # hangs up, waits, then does it: a delayed request


_REFUSALS: Final = (FaultKind.SHORTAGE, FaultKind.UNKNOWN_PRODUCT)


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """Befalls the next call that faults are for, or the next one with this `method`."""

    kind: FaultKind
    seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.5
    method: str | None = None


class Problem(msgspec.Struct, omit_defaults=True):
    """RFC 9457, as far as any service has it."""

    status: int
    code: str
    title: str
    detail: str = ""


class Refusal(Protocol):
    """The body of a service's own problem."""

    status: int
    code: str


Headers = Sequence[tuple[str, str]]


class _Script(msgspec.Struct, forbid_unknown_fields=True):
    faults: list[Fault]


class FaultyApplication:
    """The application given, with a queue of faults in front of what is `below` a path.

    `POST /faults` with {"faults": [{"kind": …, "seconds": …, "method": …}, …]} adds to the queue, DELETE
    empties it. Needs FaultyServer around it: only a server can hang up.

    `refusals` makes a refusal of its own of the body of a call; `no_effect` is how it says that nothing was done.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        below: str,
        refusals: Mapping[FaultKind, Callable[[bytes], Refusal]] | None = None,
        no_effect: Headers = (),
    ) -> None:
        self._application = application
        self._below = below
        self._refusals = {} if refusals is None else refusals
        self._no_effect = no_effect
        self._faults: deque[Fault] = deque()
        self._lock = Lock()

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/faults":
            return self._configure(environ, start_response)
        fault = self._next(environ)
        if fault is None:
            return self._application(environ, start_response)
        return self._befall(fault, environ, start_response)

    def _next(self, environ: WSGIEnvironment) -> Fault | None:
        if not environ["PATH_INFO"].startswith(self._below):
            return None
        with self._lock:
            for fault in self._faults:
                if fault.method in (None, environ["REQUEST_METHOD"]):
                    self._faults.remove(fault)
                    return fault
        return None

    def _befall(self, fault: Fault, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match fault.kind:
            case FaultKind.SHORTAGE | FaultKind.UNKNOWN_PRODUCT:
                return _answer(start_response, self._refusals[fault.kind](_read_body(environ)))
            case FaultKind.UNAVAILABLE | FaultKind.BUSY:
                problem = Problem(status=503, code=fault.kind.value, title="Out of order; nothing was done.")
                return _answer(start_response, problem, [*self._no_effect, ("Retry-After", "1")])
            case FaultKind.REDIRECT:
                _read_body(environ)
                start_response("307 Temporary Redirect", [("Location", "/elsewhere"), ("Content-Length", "0")])
                return []
            case FaultKind.SLOW:
                time.sleep(fault.seconds)
                return self._application(environ, start_response)
            case FaultKind.HANG_UP:
                _hang_up(environ)
            case FaultKind.LATE:
                _read_body(environ)
                environ["remote_calls.hang_up"]()
                time.sleep(fault.seconds)
                self._take_effect(environ)
                raise ConnectionAbortedError
        body = self._take_effect(environ)
        match fault.kind:
            case FaultKind.DRIP:
                start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
                return _dripping(body, fault.seconds)
            case FaultKind.EFFECT_THEN_500:
                return _answer(start_response, Problem(status=500, code="internal_error", title="Failed."))
            case FaultKind.GARBAGE:
                start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "15")])
                return [b"<html>Oh</html>"]
            case FaultKind.ENDLESS:
                start_response("200 OK", [("Content-Type", "application/json")])
                return repeat(_A_LOT)
        _hang_up(environ)
        return []

    def _take_effect(self, environ: WSGIEnvironment) -> bytes:
        answer = self._application(environ, lambda *_: lambda _: None)
        try:
            return b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()

    def _configure(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match environ["REQUEST_METHOD"]:
            case "POST":
                try:
                    script = msgspec.json.decode(_read_body(environ), type=_Script)
                    self._refuse_foreign(script.faults)
                except (msgspec.DecodeError, ValueError) as error:
                    problem = Problem(status=400, code="malformed_request", title="Not faults.", detail=str(error))
                    return _answer(start_response, problem)
                self.add(*script.faults)
            case "DELETE":
                self.clear()
            case _:
                problem = Problem(status=405, code="method_not_allowed", title="Only POST and DELETE.")
                return _answer(start_response, problem, [("Allow", "POST, DELETE")])
        start_response("204 No Content", [])
        return []

    def _refuse_foreign(self, faults: Iterable[Fault]) -> None:
        """Raises ValueError."""
        for fault in faults:
            if fault.kind in _REFUSALS and fault.kind not in self._refusals:
                raise ValueError(f"{fault.kind} is a refusal of another service than this one.")


class _Handler(WSGIRequestHandler):
    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ["remote_calls.hang_up"] = self._hang_up
        return environ

    def _hang_up(self) -> None:
        self.close_connection = True
        connection: Any = self.connection  # a socket; the stubs say otherwise
        connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Say nothing: the faults are meant."""


class FaultyServer(ThreadedWSGIServer):
    """Serves the application over real HTTP, keep-alive included, from a thread; `url` is where.

    For tests and demonstrations, as Django's own development server is.
    """

    # Leaving the server waits for what its threads still do.
    daemon_threads = False

    def __init__(self, application: FaultyApplication, *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), _Handler, ipv6=":" in host)
        self.set_app(application)
        self.faults = application
        self.url = f"http://{host}:{self.server_port}"
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._open: set[socket.socket] = set()

    def __enter__(self) -> "FaultyServer":
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self._thread.join()
        # Clients that keep connections alive would keep their threads alive.
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.server_close()

    def wait(self) -> None:
        """Go on until somebody interrupts."""
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)


def serve_until_stopped(
    application: FaultyApplication, *, host: str, port: int, announce: Callable[[str], None]
) -> None:
    """Serve it until somebody interrupts or terminates this process; `announce` is told the URL."""
    for number in (signal.SIGTERM, signal.SIGINT):  # in the background, too
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt), FaultyServer(application, host=host, port=port) as server:
        announce(server.url)
        server.wait()


def _hang_up(environ: WSGIEnvironment) -> None:
    _read_body(environ)
    environ["remote_calls.hang_up"]()
    # wsgiref ends a request silently on this one, without an answer.
    raise ConnectionAbortedError


def _read_body(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    return body


def _answer(start_response: StartResponse, problem: Refusal, headers: Iterable[tuple[str, str]] = ()) -> list[bytes]:
    body = msgspec.json.encode(problem)
    start_response(
        f"{problem.status} {problem.code}",
        [("Content-Type", PROBLEM), ("Content-Length", str(len(body))), *headers],
    )
    return [body]


def _dripping(body: bytes, seconds: float) -> Iterator[bytes]:
    for position in range(len(body)):
        time.sleep(seconds)
        yield body[position : position + 1]
