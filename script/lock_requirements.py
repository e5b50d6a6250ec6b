"""Makes requirements.txt from pyproject.toml, which names the direct dependencies: `script/lock` runs this."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.txt"
# The extra that has a part of its own: `infra/bin/build-lambda` takes it, and none of the brokers.
LAMBDA = "lambda"

# `script/setup` cuts the file at the line that begins with "# --- brokers", the Dockerfile at "# --- development".
TEMPLATE = """\
# Made by `script/lock` from pyproject.toml: name a dependency there, then run it. Each version stays as it
# is here until `script/lock --upgrade`. A hash for every distribution: pip installs nothing else.

# --- runtime: what the service imports
{runtime}

# runtime: what those need
{needed_by_runtime}

# --- brokers: clients of the sinks that need one
{brokers}

# brokers: what those need
{needed_by_brokers}

# --- lambda: what runs the API in AWS Lambda
{on_lambda}

# --- development: tests, types, lint (an image leaves out everything below this line)
{development}

# development: what those need
{needed_by_development}
"""
# Whatever else is set for uv on this machine, its own indexes above all, has no say in the file.
_KEPT_FOR_UV = {"UV_CACHE_DIR", "UV_SYSTEM_CERTS"}


def lock(known: str, *, upgrade: Sequence[str]) -> str:
    """The new text of requirements.txt, with the versions of the known one where they still fit."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras: dict[str, list[str]] = project["project"]["optional-dependencies"]
    of_extras = [line for name, lines in extras.items() for line in lines if name != LAMBDA]
    direct = project["project"]["dependencies"], of_extras, project["dependency-groups"]["dev"]
    runtime, brokers, development = ({canonicalize_name(Requirement(line).name) for line in lines} for lines in direct)
    oldest_python = project["project"]["requires-python"].removeprefix(">=")

    # Without the known hashes, which uv would keep as they are: what it writes is what PyPI has.
    versions = re.sub(r"( \\)?\n +--hash=\S+", "", known)
    # All of it at once, so that one version of each suits the service and its tests.
    options = ["--python-version", oldest_python]
    everything = _compile(versions, *options, "--all-extras", "--group", "dev", "--generate-hashes", *upgrade)
    pins = "\n".join(_pins(everything))
    of_runtime = set(_entries(_compile(pins, *options)))
    clients = [f"--extra={name}" for name in extras if name != LAMBDA]
    of_brokers = set(_entries(_compile(pins, *options, *clients))) - of_runtime
    of_lambda = set(_entries(_compile(pins, *options, f"--extra={LAMBDA}"))) - of_runtime - of_brokers
    entries = _entries(everything)

    def part(members: Set[str], *, named: Set[str]) -> tuple[str, str]:
        """What was named, and what that needs."""
        chosen = [(name in named, text) for name, text in entries.items() if name in members]
        return "\n".join(text for is_named, text in chosen if is_named), "\n".join(
            text for is_named, text in chosen if not is_named
        )

    first, needed_by_first = part(of_runtime, named=runtime)
    second, needed_by_second = part(of_brokers, named=brokers)
    on_lambda, _ = part(of_lambda, named=of_lambda)
    last, needed_by_last = part(entries.keys() - of_runtime - of_brokers - of_lambda, named=development)
    return TEMPLATE.format(
        runtime=first,
        needed_by_runtime=needed_by_first,
        brokers=second,
        needed_by_brokers=needed_by_second,
        on_lambda=on_lambda,
        development=last,
        needed_by_development=needed_by_last,
    )


def _compile(versions: str, *options: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name[:3] != "UV_" or name in _KEPT_FOR_UV}
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "requirements.txt"  # uv prefers the versions that stand in its output file
        output.write_text(versions)
        command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--universal", "--no-config"]
        command += ["--no-annotate", "--no-header", "--quiet", "--output-file", str(output), *options]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        return output.read_text()


def _entries(requirements: str) -> dict[str, str]:
    """Each requirement with its hashes, by name; several lines where versions differ between platforms."""
    entries: dict[str, str] = {}
    for entry, spelled in re.findall(r"^(([\w.-]+)(?:.*\\\n)*.*[^\\\n])$", requirements, re.MULTILINE):
        name = canonicalize_name(spelled)
        entries[name] = f"{entries[name]}\n{entry}" if name in entries else entry
    return entries


def _pins(requirements: str) -> list[str]:
    return re.findall(r"^[\w.-]+==[^\s;]+", requirements, re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/lock", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="change nothing; fail if the file would change")
    choice.add_argument("--upgrade", nargs="*", metavar="NAME", help="take newer versions: of these, or of all")
    options = parser.parse_args()
    if options.upgrade is None:
        upgrade = []
    else:
        upgrade = [f"--upgrade-package={name}" for name in options.upgrade] or ["--upgrade"]

    known = LOCK.read_text()
    try:
        wanted = lock(known, upgrade=upgrade)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)  # uv has said why
    if wanted == known:
        print("requirements.txt is current.")
    elif options.check:
        sys.stdout.writelines(
            difflib.unified_diff(
                known.splitlines(keepends=True), wanted.splitlines(keepends=True), "requirements.txt", "as it should be"
            )
        )
        sys.exit("requirements.txt is not what pyproject.toml asks for; run script/lock.")
    else:
        LOCK.write_text(wanted)
        print("requirements.txt is made anew.")


if __name__ == "__main__":
    main()
