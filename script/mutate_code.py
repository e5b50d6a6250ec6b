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
from typing import Any, Final, NamedTuple

from orders_project.embedded_pg import Cluster

ROOT: Final = Path(__file__).resolve().parent.parent
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


class Part(NamedTuple):
    """Modules, or folders of them; and the tests of those that have no line of their own in TESTS."""

    modules: Sequence[str]
    tests: Sequence[str]

    def files(self) -> Iterator[str]:
        for module in self.modules:
            path = ROOT / module
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                if file.parent.name != "migrations":
                    yield str(file.relative_to(ROOT))


def _quick_first(folder: str, *quick: str) -> str:
    """All tests of the folder, these before the others."""
    others = sorted(str(file.relative_to(ROOT)) for file in (ROOT / folder).glob("test_*.py"))
    return " ".join(dict.fromkeys([*(f"{folder}/test_{name}.py" for name in quick), *others]))


_OPERATIONS: Final = "tests/orders/operations"
_API: Final = "tests/orders/api"
_LEDGER: Final = [
    "test_contract.py",
    "test_pages.py",
    "test_ledger_balance.py",
    "test_concurrency.py",
    "test_database_trouble.py",
]
_IMPORTING: Final = _quick_first(
    "tests/orders/importing",
    *["repeats", "repeated_in_file", "dry_run", "csv", "history_in_parts", "history", "refusals"],
)
PARTS: Final = {
    "rules": Part(["orders/rules"], ["tests/orders/rules"]),
    "operations": Part(["orders/operations"], [_OPERATIONS]),
    "ledger": Part(
        ["inventory_client/ledger.py"],
        [*(f"tests/inventory_client/{name}" for name in _LEDGER), f"{_API}/test_batch.py"],
    ),
    "events": Part(["events"], _quick_first("tests/events", "append", "schemas", "lag").split()),
}
# Those who know the module: the whole suite for each of a thousand faults would take days.
TESTS: Final[dict[str, Sequence[str]]] = {
    "orders/rules/staff_groups.py": ["tests/orders/admin/test_staff_groups.py"],
    **{
        f"events/{module}.py": _quick_first("tests/events", *quick.split()).split()
        for module, quick in {
            "admin": "events_admin",
            "cloudevents": "envelope",
            "delivery": "relay relay_transaction",
            "lag": "lag",
            "management/commands/outbox": "outbox_command",
            "management/commands/relay_events": "relay_command",
            "parked": "outbox_command events_admin",
            "queue": "relay relay_transaction",
            "relay": "relay relay_transaction",
            "replaying": "outbox_command",
            "schemas": "schemas",
            "sinks/aws": "aws_sinks",
            "sinks/configured": "sinks checks",
            "sinks/console": "sinks",
            "sinks/eventbridge": "aws_sinks",
            "sinks/filtered": "sinks",
            "sinks/kafka": "kafka_sink",
            "sinks/loop_thread": "broker_sinks",
            "sinks/memory": "sinks relay",
            "sinks/nats_jetstream": "broker_sinks",
            "sinks/ndjson_file": "ndjson_file_sink",
            "sinks/rabbitmq": "broker_sinks",
            "sinks/redis_streams": "broker_sinks",
            "sinks/sns": "aws_sinks",
            "sinks/sqs": "aws_sinks",
            "views": "schemas",
            "metrics": "lag",
            "outbox": "append",
            "pauses": "relay",
            "schema_fields": "schemas",
            "slimming": "aws_sinks",
            "urls": "schemas",
        }.items()
    },
    **{
        str(file.relative_to(ROOT)): _quick_first(f"tests/events/{folder}").split()
        for folder in ("feed", "inbox", "webhooks")
        for file in (ROOT / "events" / folder).rglob("*.py")
    },
    "events/asyncapi.py": ["tests/orders/announcing/test_event_documents.py"],
    "events/checks.py": ["tests/events/test_checks.py", "tests/events/inbox/test_sources.py"],
    "events/erasing.py": [f"{_OPERATIONS}/test_erasing.py", f"{_OPERATIONS}/test_erasing_everywhere.py"],
    "events/management/commands/consume_events.py": _quick_first("tests/events/inbox").split(),
    "events/management/commands/inbox.py": _quick_first("tests/events/inbox").split(),
    "events/management/commands/webhooks.py": _quick_first("tests/events/webhooks").split(),
    **{
        f"orders/operations/{module}.py": [path.format(own=_OPERATIONS, api=_API) for path in tests.split()]
        for module, tests in {
            "abandoned_holds": "{own}/test_sweep.py tests/chaos/test_held_up_commit.py "
            "tests/chaos/test_killed_placement.py",
            "amending": "{own}/test_amend.py tests/chaos/test_races.py",
            "amendment": "{own}/test_amend.py {own}/test_credits.py",
            "before_canceled": "{own}/test_reinstate.py",
            "call": "{api}/test_dry_run.py {api}/test_operations_preconditions.py {api}/test_what_a_key_sees.py "
            "tests/orders/importing/test_history.py",
            "changing_requests": "tests/orders/incoming/test_customers.py",
            "customers": "{own}/test_customer_check.py {own}/test_hostile_customer_service.py",
            "erasing": "{own}/test_erasing.py {own}/test_erasing_everywhere.py {own}/test_erasing_many.py",
            "erasing_requests": "tests/orders/requested/test_people.py",
            "placing_requested": "tests/orders/requested/test_placing.py tests/orders/requested/test_backlog.py",
            "placing_together": "tests/chaos/test_placed_together.py",
            "redacting": "{own}/test_erasing.py {own}/test_erasing_what_endpoints_answer.py",
            "rejecting": "tests/orders/requested/test_placing.py tests/orders/requested/test_people.py",
            "requesting": "tests/orders/requested/test_asking.py tests/orders/requested/test_by_event.py",
            "retention": "{own}/test_retention.py tests/orders/requested/test_people.py",
            "stored_answers": "{own}/test_erasing.py {own}/test_erasing_many.py {own}/test_retention.py",
            "stored_rows": "{own}/test_shipments.py {own}/test_returns.py {own}/test_amend.py",
            "unwritten": "tests/orders/importing/test_written_at_once.py tests/orders/importing/test_history.py",
            "changed_rows": "{own}/test_returns.py {own}/test_amend.py {own}/test_shipments.py",
            "crediting": "{own}/test_credits.py {own}/test_cancel.py {own}/test_reinstate.py",
            "holding_again": "{own}/test_restore.py {own}/test_reinstate.py tests/chaos/test_restored_meanwhile.py "
            "tests/chaos/test_swept_meanwhile.py",
            "reinstating": "{own}/test_reinstate.py tests/chaos/test_restored_meanwhile.py",
            "undoing": "{own}/test_undo.py",
            "canceling": "{own}/test_cancel.py {own}/test_sweep.py",
            "carriers": "{own}/test_carriers.py",
            "comparing_stock": "{own}/test_reconcile_stock.py",
            "committing": "{api}/test_dry_run.py {api}/test_operations_idempotency.py {own}/test_limits.py "
            "{own}/test_restore.py {own}/test_delete_and_restore.py {own}/test_inventory_trouble.py "
            "tests/orders/reading/test_timeline.py",
            "constraints": "{own}/test_payments.py {api}/test_references.py {api}/test_idempotency.py",
            "confirming": "{own}/test_confirm.py {own}/test_extend.py {own}/test_policies.py",
            "database_time": "{own}/test_host_clocks.py",
            "deleting": "{own}/test_restore.py {own}/test_delete_and_restore.py {own}/test_voids.py "
            "tests/chaos/test_swept_meanwhile.py "
            "tests/chaos/test_restored_meanwhile.py {api}/test_operations_idempotency.py {api}/test_dry_run.py",
            "details": "{own}/test_tags.py {api}/test_versions.py {own}/test_customer_check.py "
            "{api}/test_what_a_key_sees.py",
            "due_orders": "{own}/test_sweep.py {own}/test_policies.py {own}/test_deliver_and_complete.py "
            "{own}/test_failing_upkeep.py",
            "failing_upkeep": "{own}/test_failing_upkeep.py",
            "holding": "{own}/test_order_holds.py",
            "idempotency": "{api}/test_idempotency.py {api}/test_operations_idempotency.py",
            "import_attempts": _IMPORTING,
            "importing": _IMPORTING,
            "inventory_answers": "{own}/test_inventory_trouble.py {own}/test_amend.py",
            "kill_points": "tests/chaos/test_killed_placement.py tests/chaos/test_killed_amendment.py",
            "known_orders": _IMPORTING,
            "locked_order": "{api}/test_operations_preconditions.py {api}/test_operations_idempotency.py "
            "{api}/test_dry_run.py {own}/test_delete_and_restore.py {own}/test_shipments.py {own}/test_returns.py",
            "moving_forward": _IMPORTING,
            "obstacles": "{own} {api}/test_actions.py",
            "past_operations": _IMPORTING,
            "payments": "{own}/test_payments.py {own}/test_refunds.py",
            "performing": "{api}/test_bulk.py {api}/test_bulk_lock_order.py {api}/test_first_version.py",
            "placing": "{own}/test_place_order.py {api}/test_idempotency.py {api}/test_batch.py "
            "{own}/test_inventory_trouble.py tests/chaos/test_written_too_late.py",
            "placing_at_once": "{own}/test_place_order.py {api}/test_batch.py tests/chaos/test_placed_together.py "
            "tests/chaos/test_written_too_late.py",
            "placing_imported": "tests/orders/importing/test_placing.py",
            "recounting_stock": "{own}/test_reconcile_stock.py tests/inventory_client/test_recounting.py",
            "refund_decisions": "{own}/test_facts_in_any_order.py {own}/test_refunds.py {own}/test_voids.py "
            "{own}/test_reinstate.py {own}/test_credits.py",
            "refunds": "{own}/test_refunds.py {own}/test_cancel.py {own}/test_voids.py {own}/test_credits.py",
            "repairing_stock": "{own}/test_reconcile_stock.py",
            "returns": "{own}/test_returns.py",
            "settling": "{own}/test_inventory_trouble.py {own}/test_failing_upkeep.py {own}/test_sweep.py "
            "tests/chaos/test_slow_inventory.py",
            "shipping": "{own}/test_shipments.py {own}/test_deliver_and_complete.py {own}/test_carriers.py",
            "units": "{own}/test_cancel.py {own}/test_shipments.py {own}/test_returns.py {own}/test_refunds.py",
            "writing": "{own}/test_place_order.py {api}/test_idempotency.py {api}/test_batch.py "
            "tests/chaos/test_written_too_late.py",
        }.items()
    },
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
    command = [sys.executable, "-m", "pytest", *quick, f"--ignore={_OPERATIONS}/lifecycle", how, *tests]
    ended = subprocess.run(command, check=False).returncode
    if ended == 0:
        unclean.unlink()
    return ended


if __name__ == "__main__":
    sys.exit(main())
