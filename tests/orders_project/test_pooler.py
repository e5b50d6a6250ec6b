"""Behind a pooler: no settings at the start of a connection, and none that outlives its transaction."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_TELL = """
import json
from django.db import connection
print(json.dumps(connection.get_connection_params().get("options", "")))
"""


def _options(**variables: str) -> Any:
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "k" * 50, **variables}
    told = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", _TELL],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_every_connection_begins_with_the_timeouts():
    assert _options(DATABASE_URL="postgres://orders@database/orders") == (
        "-c lock_timeout=2000 -c statement_timeout=15000 -c idle_in_transaction_session_timeout=30000 -c jit=off"
    )


def test_what_the_url_says_goes_before_ours():
    options = _options(DATABASE_URL="postgres://orders@database/orders?options=-c%20jit%3Don", LOCK_TIMEOUT_MS="100")

    assert options.startswith("-c lock_timeout=100 ")
    assert options.endswith(" -c jit=off -c jit=on")


def test_a_pooler_is_sent_none():
    assert _options(DATABASE_URL="postgres://orders@database/orders", DATABASE_POOLER="1") == ""
