"""The line each process logs when it starts: which version, as what, and what is configured other than by default."""

from __future__ import annotations

import os
from typing import Final

import structlog
from django.conf import settings

from orders_project.env import given_variables

# Read where they are needed, with no default that a value could differ from.
_READ_ELSEWHERE: Final = ("EMBEDDED_PG_BIN", "EMBEDDED_PG_HOME", "PROMETHEUS_MULTIPROC_DIR")

logger = structlog.stdlib.get_logger(__name__)


def log_start(process: str) -> None:
    """`process` is a command of `manage.py`, `web` or `lambda`. Secrets are told by their names alone."""
    elsewhere = {name: os.environ[name] for name in _READ_ELSEWHERE if os.environ.get(name)}
    logger.info(
        "process started",
        process=process,
        version=settings.VERSION,
        revision=settings.REVISION or None,
        pid=os.getpid(),
        configuration=dict(sorted({**given_variables(), **elsewhere}.items())),
    )
