"""What AWS Lambda calls, behind an HTTP API or a REST API of API Gateway: `orders_project.on_lambda.handler`.

One request at a time comes to a process, complete, and its answer is taken at once: nothing is to be shared out among
callers, and nobody can be kept waiting. What else the front refuses before Django is asked is refused here, too.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final

from apig_wsgi import make_lambda_handler
from django.core.wsgi import get_wsgi_application

from orders_project.exposure import refuse_exposure

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orders_project.settings")

# API Gateway is there for others.
refuse_exposure(["0.0.0.0"])  # noqa: S104

_django = get_wsgi_application()

# They need the applications loaded.
from orders_project.front import refusals  # noqa: E402
from orders_project.front.heads import refusal_of_head  # noqa: E402
from orders_project.front.wsgi_call import DOUBLED, ONCE, Environ, call  # noqa: E402
from orders_project.starting import log_start  # noqa: E402

Event = dict[str, Any]

# Of the connection to a client, of which API Gateway has its own.
_OF_CONNECTION: Final = frozenset({b"connection", b"keep-alive", b"transfer-encoding"})


def _answered(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A WSGI application (PEP 3333) in front of Django's."""
    started = time.perf_counter()
    event: Event = environ["apig_wsgi.full_event"]
    # Whoever sends a request to API Gateway does so over https; the address is that it was called from.
    environ["wsgi.url_scheme"] = environ["HTTP_X_FORWARDED_PROTO"] = "https"
    environ["SERVER_PORT"] = environ["SERVER_PORT"] or "443"
    if identity := event["requestContext"].get("identity"):
        environ["REMOTE_ADDR"] = identity["sourceIp"]
    if doubled := _doubled(event):
        environ[DOUBLED] = doubled
    refusal = refusal_of_head(environ)
    if refusal is None:
        answer = call(_django, environ)
    else:
        answer = refusals.answer_to(environ, refusal, seconds=time.perf_counter() - started)
    headers = [(name, value) for name, value in answer.headers if name.lower() not in _OF_CONNECTION]
    start_response(
        f"{answer.status} {HTTPStatus(answer.status).phrase}",
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
    )
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]


def _doubled(event: Event) -> str | None:
    """The name of a header that takes one value and came more than once, which a REST API tells."""
    several = (name.lower() for name, values in (event.get("multiValueHeaders") or {}).items() if len(values) > 1)
    return next((name for name in several if name.encode("latin-1") in ONCE), None)


def _without_unread(event: Event) -> Event:
    """A header's name with an underscore would be taken for another header's, which perhaps a proxy has set."""
    told = {
        part: {name: value for name, value in (event.get(part) or {}).items() if "_" not in name}
        for part in ("headers", "multiValueHeaders")
        if part in event
    }
    return event | told


_handler = make_lambda_handler(_answered, binary_support=True)


def handler(event: Event, context: object) -> Event:
    """What an event of API Gateway is answered, version 1.0 (REST API) or 2.0 (HTTP API) of its format."""
    answer: Event = _handler(_without_unread(event), context)
    return answer


log_start("lambda")

# What has been loaded stays until the end: the garbage collector need not walk it again and again.
gc.collect()
gc.freeze()
