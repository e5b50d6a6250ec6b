"""For tests that run `manage.py run`, or parts of it, as somebody would on a fresh machine."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orders_project.embedded_pg import Cluster


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """A fresh machine's: no database yet, nothing configured, and nothing written into this checkout."""
    directory = Path(tempfile.mkdtemp(prefix="run-"))
    directory.chmod(0o755)
    variables = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "DEBUG")}
    home = directory / "pg"
    yield {
        **variables,
        "EMBEDDED_PG_HOME": str(home),
        "STATIC_ROOT": str(directory / "static"),
        "SECRET_KEY": "k" * 50,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBEDDED_PG_HOME", str(home))
        Cluster(directory).reset()
    shutil.rmtree(directory)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
