"""No test leaves a process behind, also when it fails."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.processes import running

TESTS = Path(__file__).parent
# Goes on whatever it is told, and so does the child whose id it prints.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_what_a_failing_test_has_started_ends_with_it():
    with (  # noqa: PT012
        pytest.raises(AssertionError, match="as a test would"),
        running([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout
        child = int(process.stdout.readline())
        raise AssertionError("as a test would")

    assert process.returncode == -signal.SIGKILL
    psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=60)
    assert has_ended(child)


def test_tests_start_processes_in_this_way_only():
    others = [
        f"{path.relative_to(TESTS)}:{node.lineno}"
        for path in sorted(TESTS.rglob("*.py"))
        if path.name != "processes.py" and ".venv" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Name)
        and "Popen" in (getattr(node, "attr", ""), getattr(node, "id", ""))
        and isinstance(node.ctx, ast.Load)
    ]

    assert others == []
