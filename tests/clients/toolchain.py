"""What makes the clients: installed once, and again when the pinned versions change.

`python -m tests.clients.toolchain` installs it ahead of the tests, or says what is missing.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
TYPESCRIPT: Final = HERE / "typescript"
PYTHON: Final = HERE / "python"
NODE_MODULES: Final = TYPESCRIPT / "node_modules"
VENV: Final = PYTHON / ".venv"
LEAST_NODE: Final = (20, 19)
# Redocly would tell its makers of each run, and look for a newer release.
_ALONE: Final = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


class ToolchainMissing(Exception):
    """Says what to install."""


def install() -> None:
    """Raises ToolchainMissing."""
    _need_node()
    if _is_stale(NODE_MODULES, TYPESCRIPT / "package-lock.json"):
        run(["npm", "ci", "--no-audit", "--no-fund"], cwd=TYPESCRIPT)
        _remember(NODE_MODULES, TYPESCRIPT / "package-lock.json")
    if _is_stale(VENV, PYTHON / "requirements.txt"):
        venv.create(VENV, clear=True, with_pip=True)
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--no-input", "--no-deps", "-r", str(PYTHON / "requirements.txt")])
        run([*pip[:3], "check"])
        _remember(VENV, PYTHON / "requirements.txt")


def npx(name: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return run([str(NODE_MODULES / ".bin" / name), *arguments], cwd=cwd)


def run(command: Sequence[str], *, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Raises AssertionError with what the command said when it failed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **_ALONE},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}"
    return done


def _need_node() -> None:
    least = ".".join(map(str, LEAST_NODE))
    advice = (
        f"The generated clients need Node.js {least} or newer with npm, from https://nodejs.org or a distribution that "
        "has it (Debian 13: apt-get install nodejs npm)."
    )
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise ToolchainMissing(advice)
    try:
        found = run(["node", "--version"]).stdout.strip()
    except AssertionError as error:
        raise ToolchainMissing(f"{advice} {error}") from None
    version = re.match(r"v(\d+)\.(\d+)", found)
    if version is None or (int(version[1]), int(version[2])) < LEAST_NODE:
        raise ToolchainMissing(f"{advice} Here is {found}.")


def _is_stale(folder: Path, pinned: Path) -> bool:
    stamp = folder / "installed.stamp"
    return not stamp.exists() or stamp.read_text() != _digest(pinned)


def _remember(folder: Path, pinned: Path) -> None:
    """Written last, so that an interrupted installation is repeated."""
    (folder / "installed.stamp").write_text(_digest(pinned))


def _digest(pinned: Path) -> str:
    """The interpreter counts: a virtual environment is of one."""
    return hashlib.sha256(pinned.read_bytes() + sys.version.encode()).hexdigest()


if __name__ == "__main__":
    try:
        install()
    except (ToolchainMissing, AssertionError, OSError) as missing:
        sys.exit(str(missing))
