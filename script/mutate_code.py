"""Plants one fault after the other in a copy of the code, and counts those the tests notice: `script/mutate` runs this.

The faults are cosmic-ray's: another comparison, number, sign or operator, a condition turned round, a loop that
does not run, an exception that is not caught, a decorator gone. Left out are those that change
nothing, in annotations and options of dataclasses, and those that are no Python. Each module has its own
tests, which are asked in this order until one fails. Everything is kept in `.mutation/`, so a run that was ended
goes on where it stopped; a module is begun anew once its code has changed.
"""

from __future__ import annotations

import argparse
import ast
import fcntl
import hashlib
import os
import random
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from orders_project.embedded_pg import Cluster
from script.mutated_modules import OPERATIONS, PARTS, ROOT, TESTS

HOME: Final = ROOT / ".mutation"
# The tests run in a copy, with a database server of its own: what is being worked on stays as it is.
COPY: Final = HOME / "checkout"
UNCLEAN: Final = HOME / "unclean"
COSMIC_RAY: Final = HOME / "venv/bin/cosmic-ray"

# Of the eleven others each operator could be replaced with, the one that is hardest to notice.
REPLACED: Final = {
    "Add": "Sub",
    "Sub": "Add",
    "Mul": "Add",
    "Div": "Mul",
    "FloorDiv": "Mul",
    "Mod": "FloorDiv",
    "Pow": "Mul",
    "LShift": "RShift",
    "RShift": "LShift",
    "BitOr": "BitAnd",
    "BitAnd": "BitOr",
    "BitXor": "BitOr",
}
# Those next to it, and its opposite.
COMPARED: Final = {
    "Eq": ("NotEq",),
    "NotEq": ("Eq",),
    "Lt": ("LtE", "GtE"),
    "LtE": ("Lt", "Gt"),
    "Gt": ("GtE", "LtE"),
    "GtE": ("Gt", "Lt"),
    "Is": ("IsNot",),
    "IsNot": ("Is",),
    "In": ("NotIn",),
    "NotIn": ("In",),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/mutate", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(PARTS)}, or a file; default: all parts")
    parser.add_argument("--report", action="store_true", help="plant nothing; tell what is known")
    parser.add_argument("--again", action="store_true", help="try again what no test noticed: there may be new tests")
    parser.add_argument("--sample", type=int, metavar="FAULTS", help="so many of each module, drawn at random")
    parser.add_argument("--draw", type=int, default=0, metavar="NUMBER", help="another sample; the same for a number")
    parser.add_argument("--try", action="store_true", dest="tests_only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.tests_only:
        return try_tests(options.names)
    sessions = [
        Session(module, tests, sample=options.sample, draw=options.draw) for module, tests in _modules(options.names)
    ]
    if not options.report:
        with _nobody_else():
            _copy()
            for session in sessions:
                session.run(again=options.again)
    return report(sessions)


@contextmanager
def _nobody_else() -> Iterator[None]:
    HOME.mkdir(exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("script/mutate runs already in this checkout: wait for it, or end it.")
        yield


def _modules(names: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Each module's file with the tests that are asked."""
    for name in names or PARTS:
        parts = [PARTS[name]] if name in PARTS else PARTS.values()
        found = [(path, part) for part in parts for path in part.files() if name in PARTS or path == name]
        if not found:
            sys.exit(f"{name} is neither a part ({', '.join(PARTS)}) nor a module of one.")
        for path, part in found:
            yield path, TESTS.get(path, part.tests)


def _copy() -> None:
    """All that git knows or would take, as it is now."""
    shutil.rmtree(COPY, ignore_errors=True)
    UNCLEAN.touch()  # the database may be that of other code
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)


class Session:
    """The faults of one module, and what became of each: a file of cosmic-ray's."""

    def __init__(self, module: str, tests: Sequence[str], *, sample: int | None = None, draw: int = 0) -> None:
        self.module = module
        self._tests = tests
        self._sample = sample
        self._seed = f"{module} {draw}" if draw else module
        code = (ROOT / module).read_bytes()
        name = f"{module.removesuffix('.py').replace('/', '.')}.{hashlib.sha256(code).hexdigest()[:8]}"
        if sample is not None:
            name += f".{sample}" + (f".{draw}" if draw else "")
        self._configuration = HOME / "sessions" / f"{name}.toml"
        self._file = HOME / "sessions" / f"{name}.sqlite"

    def run(self, *, again: bool) -> None:
        if not self.has_begun:
            self._begin()
        if again:
            self._ask("delete from work_results where test_outcome = 'SURVIVED'")
        if not self.waiting:
            return
        print(f"{self.module}: {self.waiting} faults to try", flush=True)
        # Some faults make endless loops. All tests have passed by then on a machine that has become much slower.
        self._configure(seconds=60 + 4 * _seconds_without_fault(tuple(sorted(self._tests))))
        self._cosmic_ray("exec")

    @property
    def has_begun(self) -> bool:
        return self._file.exists()

    @property
    def waiting(self) -> int:
        return self._count("job_id not in (select job_id from work_results)")

    @property
    def noticed(self) -> int:
        return self._count("job_id in (select job_id from work_results where test_outcome = 'KILLED')")

    def unnoticed(self) -> list[tuple[int, str, str]]:
        """The line, the kind of fault, and what it changes."""
        rows = self._ask(
            "select start_pos_row, operator_name, diff from mutation_specs join work_results using (job_id)"
            " where test_outcome = 'SURVIVED' order by 1, 2"
        )
        return [(row, kind.removeprefix("core/"), _changed_lines(diff)) for row, kind, diff in rows]

    def _begin(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._configure(seconds=60)
        self._cosmic_ray("init")
        tree = ast.parse((COPY / self.module).read_text())
        jobs = self._ask(
            "select job_id, operator_name, start_pos_row, start_pos_col from mutation_specs"
            " order by start_pos_row, start_pos_col, operator_name, occurrence"
        )
        faults = [job for job, kind, row, column in jobs if _is_a_fault(tree, kind, (row, column))]
        if self._sample is not None:  # the same ones each time
            faults = random.Random(self._seed).sample(faults, min(self._sample, len(faults)))
        for job in {job for job, *_ in jobs} - set(faults):
            for table in ("mutation_specs", "work_items"):
                self._ask(f"delete from {table} where job_id = ?", job)

    def _configure(self, *, seconds: float) -> None:
        self._configuration.write_text(
            f"[cosmic-ray]\nmodule-path = {self.module!r}\ntimeout = {seconds:.1f}\nexcluded-modules = []\n"
            f"test-command = {shlex.join(_command(self._tests))!r}\n[cosmic-ray.distributor]\nname = 'local'\n"
        )

    def _cosmic_ray(self, what: str) -> None:
        command: list[str | Path] = [COSMIC_RAY, what, self._configuration, self._file]
        subprocess.run(command, cwd=COPY, env=_environment(), check=True, stdin=subprocess.DEVNULL)

    def _count(self, condition: str) -> int:
        ((count,),) = self._ask(f"select count(*) from mutation_specs where {condition}")
        return int(count)

    def _ask(self, statement: str, *parameters: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._file)) as session, session:
            return session.execute(statement, parameters).fetchall()


def _command(tests: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "script.mutate_code", "--try", *tests]


@cache  # many modules have the same tests, in another order
def _seconds_without_fault(tests: Sequence[str]) -> float:
    began = time.monotonic()
    if subprocess.run(_command(tests), cwd=COPY, env=_environment(), check=False).returncode != 0:
        sys.exit(f"These fail without any fault: {' '.join(tests)}")
    return time.monotonic() - began


def _environment() -> dict[str, str]:
    return {**os.environ, "EMBEDDED_PG_HOME": str(HOME / "pg")}


def _is_a_fault(tree: ast.Module, kind: str, position: tuple[int, int]) -> bool:
    """Not in an annotation, where nothing is computed; of operators only the replacements above.

    To cosmic-ray the star of keyword-only parameters is a multiplication.
    """
    if any(_encloses(place, position) for place in [*_annotations(tree), *_options_of_dataclasses(tree)]):
        return False
    _, _, replacement = kind.partition("/")
    match replacement.split("_"):
        case ["ReplaceBinaryOperator", old, new]:
            return new == REPLACED[old] and any(
                _encloses(node, position) for node in ast.walk(tree) if isinstance(node, ast.BinOp | ast.AugAssign)
            )
        case ["ReplaceComparisonOperator", old, new]:
            return new in COMPARED[old]
    return True


def _annotations(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if isinstance(annotation, ast.expr):
            yield annotation


def _options_of_dataclasses(tree: ast.Module) -> Iterator[ast.expr]:
    """`frozen` and `slots` forbid what nobody does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dataclass":
            yield from (keyword.value for keyword in node.keywords)


def _encloses(node: ast.expr | ast.AugAssign, position: tuple[int, int]) -> bool:
    end = (node.end_lineno or 0, node.end_col_offset or 0)
    return (node.lineno, node.col_offset) <= position < end


def _changed_lines(diff: str) -> str:
    lines = [line for line in diff.splitlines() if re.match(r"[-+](?![-+])", line)]
    return "\n".join(f"      {line}" for line in lines)


def report(sessions: Sequence[Session]) -> int:
    """Score and survivors; 1 while some faults have not been tried."""
    noticed, unnoticed, waiting = 0, 0, 0
    for session in sessions:
        if not session.has_begun:
            print(f"{session.module}: not tried as it is now")
            waiting += 1
            continue
        missed = session.unnoticed()
        noticed, unnoticed, waiting = noticed + session.noticed, unnoticed + len(missed), waiting + session.waiting
        print(f"{session.module}: {session.noticed} of {session.noticed + len(missed)}, {session.waiting} wait")
        for line, kind, change in missed:
            print(f"  line {line}, {kind}\n{change}")
    score = 100 * noticed / max(1, noticed + unnoticed)
    print(f"{score:.1f} %: {noticed} of {noticed + unnoticed} faults were noticed.")
    if waiting:
        print("Not everything has been tried yet.")
    return 1 if waiting else 0


def try_tests(tests: Sequence[str]) -> int:
    """Run them, in the copy, until one fails; without those that take minutes."""
    # A run that was killed, or that failed, may have left rows and sessions behind: the next one begins with a database
    # of its own, or what is left would make it fail, and look as if it had noticed its fault.
    unclean = ROOT.parent / UNCLEAN.name
    if unclean.exists():
        Cluster(ROOT).stop()
    how = "--create-db" if unclean.exists() else "--reuse-db"
    unclean.touch()
    quick = ["-x", "-q", "--no-header", "--tb=line", "-p", "no:randomly", "-p", "no:cacheprovider", "-m", "not slow"]
    command = [sys.executable, "-m", "pytest", *quick, f"--ignore={OPERATIONS}/lifecycle", how, *tests]
    ended = subprocess.run(command, check=False).returncode
    if ended == 0:
        unclean.unlink()
    return ended


if __name__ == "__main__":
    sys.exit(main())
