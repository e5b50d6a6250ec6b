"""Connections whose client takes nothing of what it asked for are closed by the kernel."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Final

_OPEN_FILES: Final = Path("/proc/self/fd")


def close_stalled_connections(*, seconds: float) -> None:
    """Have what is accepted from now on closed once nothing of an answer could be sent for so long (RFC 5482).

    The server does not show its listening sockets, so they are looked for among this process's open files; where
    those cannot be listed, as elsewhere than on Linux, such connections stay until their client ends.
    """
    with contextlib.suppress(OSError):
        for file in list(_OPEN_FILES.iterdir()):
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(file.name))) as candidate:
                if candidate.family != socket.AF_UNIX and candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
