"""How the web server is started, everywhere."""

import sys
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import CommandError

from orders.management.numbers import whole_number
from orders_project.exposure import Exposed, refuse_exposure
from orders_project.supervisor import STOP_SECONDS

# Whoever stops the server kills it after STOP_SECONDS: the requests under way have to have ended before.
_WORKERS_STOP_SECONDS = STOP_SECONDS - 5


def web_server_command(host: str, port: int, *, workers: int) -> list[str]:
    """The program and its arguments: so many processes listening at the one address.

    HTTP/2 is off: a connection of it carries many requests, and the bounds are counted by connection. A
    connection costs next to nothing while it is idle, so there may be thousands.
    """
    options = {
        "--interface": "asginl",
        "--loop": "asyncio",
        "--host": host,
        "--port": str(port),
        "--workers": str(workers),
        "--http": "1",
        "--backlog": "4096",
        "--backpressure": "8192",
        "--http1-buffer-size": "65536",
        "--workers-kill-timeout": str(_WORKERS_STOP_SECONDS),
        "--log-level": "warning",
    }
    words = [word for option in options.items() for word in option]
    flags = ["--no-ws", "--respawn-failed-workers"]
    return [sys.executable, "-m", "granian", *words, *flags, "orders_project.asgi:application"]


def add_address(parser: ArgumentParser) -> None:
    """The options `--host`, `--port` and `--workers`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=whole_number(1, 65_535), default=settings.PORT, help="default: $PORT, or else 8000"
    )
    parser.add_argument(
        "--workers", type=whole_number(1, 256), default=2, help="web server processes (default: %(default)s)"
    )


def require_fit(host: str) -> None:
    """Before anything is started; each worker looks again at what it has really bound. Raises CommandError."""
    try:
        refuse_exposure([host])
    except Exposed as error:
        raise CommandError(str(error)) from error
