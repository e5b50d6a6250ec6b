"""Whether a server may listen at an address.

It has to be asked before: several servers that let the kernel share a port would each get some of the requests, and
none of them would say a word.
"""

import socket

from django.core.management.base import CommandError

_LAST_PORT = 65_535


def require_free(host: str, port: int) -> None:
    """Raise CommandError when somebody listens there already, or nobody can."""
    if not 1 <= port <= _LAST_PORT:
        raise CommandError(f"Cannot listen on port {port}; a port is a number from 1 to {_LAST_PORT}.", returncode=2)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CommandError(
            f"Cannot listen on {host} port {port} ({error}). Stop what uses it, or give another --port."
        ) from error
