"""The shape of the code: its rooms, what they may use, and where locks, transactions and signals may appear.

`python -m tests.test_architecture` tells the rooms with their files and arrows.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "audit": set[str](),
    "events": {"audit"},
    "remote_calls": set[str](),
    "customer_client": {"remote_calls"},
    "inventory_client": {"audit", "remote_calls"},
    "orders": {"audit", "events", "customer_client", "inventory_client"},
    "orders_project": {"audit", "orders", "events", "customer_client", "inventory_client", "remote_calls"},
}
# From the top of the house to its ground: a room of `orders` uses only rooms below its own.
ROOMS = [
    "apps",
    "management",
    "demo",
    "admin",
    "admin.orders",
    "admin.operations",
    "admin.display",
    "api",
    "doctor",
    "incoming",
    "operations",
    "importing",
    "drafts",
    "reading",
    "announcing",
    "models",
    "requests",
    "rules",
]


@cache
def sources(*packages: str) -> list[tuple[Path, ast.Module]]:
    return [
        (path.relative_to(ROOT), ast.parse(path.read_text()))
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.relative_to(ROOT).parts[1] != "migrations"
    ]


def name_of(path: Path) -> str:
    """`orders/models/__init__.py` is `orders.models`."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported(tree: ast.AST) -> Iterator[str]:
    """What is imported at run time, as `package.module.name`."""
    for_types = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)


@cache
def modules() -> dict[str, set[str]]:
    """Every module of ours with those it imports."""
    trees = {name_of(path): tree for path, tree in sources(*PACKAGES)}
    return {name: {_module_in(full, trees) for full in imported(tree)} - {"", name} for name, tree in trees.items()}


def _module_in(full: str, known: dict[str, ast.Module]) -> str:
    """`orders.models.Order` is of `orders.models`, what is not ours of none."""
    while full and full not in known:
        full = full.rpartition(".")[0]
    return full


def room_of(module: str) -> str | None:
    """The room of a module of `orders`; None for what stands in none."""
    inside = module.removeprefix("orders").removeprefix(".")
    return max((room for room in ROOMS if f"{inside}.".startswith(f"{room}.")), key=len, default=None)


def arrows() -> Counter[tuple[str, str]]:
    """How many imports lead from one room to another."""
    return Counter(
        (here, there)
        for module, targets in modules().items()
        for target in targets
        if (here := room_of(module)) and (there := room_of(target)) and here != there
        if module.startswith("orders.") and target.startswith("orders.")
    )


def names_one_of(tree: ast.AST, names: set[str]) -> bool:
    """As an attribute, as what is imported, or as a text (for getattr)."""
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and any(name.name in names for name in node.names))
        or (isinstance(node, ast.Constant) and node.value in names)
        for node in ast.walk(tree)
    )


def texts(path: Path, tree: ast.Module) -> Iterator[str]:
    """What may be SQL: the texts of a module, the files of a folder of SQL."""
    yield from (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


@pytest.mark.parametrize(
    "package", ["orders", "events", "customer_client", "inventory_client", "audit", "remote_calls"]
)
def test_packages_depend_on_each_other_in_one_direction(package):
    wrong = {
        f"{path} imports {name}"
        for path, tree in sources(package)
        for name in imported(tree)
        if name.split(".")[0] in PACKAGES and name.split(".")[0] not in {package, *PACKAGES[package]}
    }

    assert wrong == set()


def test_arrows_between_rooms_lead_down():
    found = arrows()

    assert len(found) > 40
    assert {arrow for arrow in found if ROOMS.index(arrow[0]) > ROOMS.index(arrow[1])} == set()


def test_every_file_of_orders_stands_in_a_room():
    names = [name for name in modules() if name.startswith("orders.")]

    assert [name for name in names if room_of(name) is None] == []
    assert modules()["orders"] == set()
    assert [room for room in ROOMS if not any(room_of(name) == room for name in names)] == []


def test_no_modules_import_each_other_in_a_circle():
    try:
        TopologicalSorter(modules()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(error.args[1])}")


# A sink by its name in EVENT_SINKS, a source by that in EVENT_SOURCES; what needs AWS's or a development requirement.
BY_TEXT = {
    "events/inbox/sources/__init__.py",
    "events/sinks/__init__.py",
    "orders_project/database_secret.py",
    "orders_project/management/commands/run.py",
}
LOCKS = {"select_for_update", "atomic", "on_commit", "savepoint", "set_autocommit"}
LOCKING_SQL = re.compile(r"\bfor (no key )?update\b|\bfor (key )?share\b|\block table\b|\badvisory_", re.IGNORECASE)


def test_orders_are_locked_and_transactions_opened_only_in_operations():
    elsewhere = [(path, tree) for path, tree in sources("orders", "orders_project") if path.parts[1] != "operations"]

    # The probe's transactions change nothing: what they set for themselves ends with them.
    assert {str(path) for path, tree in elsewhere if names_one_of(tree, LOCKS)} == {"orders_project/database_probe.py"}
    assert {str(path) for path, tree in elsewhere if any(map(LOCKING_SQL.search, texts(path, tree)))} == set()
    sql = sorted((ROOT / "orders" / "sql").glob("*.sql"))
    assert [path.name for path in sql if LOCKING_SQL.search(path.read_text())] == []


# Of PostgreSQL's settings those that anybody here has ever set.
SETS_FOR_SESSION = re.compile(
    r"(^|;)\s*set (session )?(\w+_timeout|\w+_mem|enable_\w+|tcp_\w+|jit|synchronous_commit|search_path) (=|to) "
    r"|set_config\([^)]*, false\)",
    re.IGNORECASE,
)


def test_nothing_is_set_for_a_session_which_behind_a_pooler_is_anothers_in_the_next_moment():
    setting = {str(path) for path, tree in sources(*PACKAGES) if any(map(SETS_FOR_SESSION.search, texts(path, tree)))}

    assert SETS_FOR_SESSION.search("set work_mem = '64kB'")
    assert SETS_FOR_SESSION.search("select set_config('statement_timeout', %s, false)")
    assert setting == set()


def test_every_connection_is_made_by_the_database_engine():
    """Which knows the login, and what to do when it is refused."""
    past_it = {str(path) for path, tree in sources(*PACKAGES) if "psycopg.connect" in set(_dotted(tree))}

    assert past_it == set()


def _dotted(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def test_the_signal_is_sent_only_from_operations_and_heard_only_where_it_is_said():
    users = {str(path.parent) for path, tree in sources(*PACKAGES) if "order_changed" in _names(tree)}
    senders = {str(path) for path, tree in sources(*PACKAGES) if _names(tree) >= {"order_changed", "send"}}

    assert users == {"orders/announcing", "orders/operations"}
    assert senders == {"orders/operations/committing.py", "orders/operations/writing.py"}


def test_no_change_of_an_order_is_told_by_djangos_own_signals():
    named = {"post_save", "pre_save", "post_delete", "pre_delete"}

    assert {str(path) for path, tree in sources(*PACKAGES) if _names(tree) & named} == set()


def _names(tree: ast.AST) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return names | {full.rpartition(".")[2] for full in imported(tree)}


def test_nothing_is_imported_but_by_an_import():
    """What is imported by a text is seen by no test of this file."""
    by_text = {"import_module", "import_string", "__import__", "get_model"}
    wrong = {str(path) for path, tree in sources(*PACKAGES) if _names(tree) & by_text}

    assert wrong - BY_TEXT == set()


def test_nothing_is_imported_inside_a_function_but_in_ready():
    wrong = {
        f"{path}:{function.name}"
        for path, tree in sources(*PACKAGES)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        if (path.name, function.name) != ("apps.py", "ready")
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function))
    }

    assert wrong == set()


def test_no_module_is_named_for_nothing_in_particular():
    vague = {"utils", "helpers", "common", "misc"}

    assert [name for name in modules() if vague & set(name.split("."))] == []


if __name__ == "__main__":
    found = arrows()
    files = Counter(room_of(name) for name in modules() if name.startswith("orders."))
    print(f"{files.total()} files in {len(files)} rooms, {found.total()} imports by {len(found)} arrows")  # noqa: T201
    for room in ROOMS:
        told = ", ".join(f"{there} {found[room, there]}" for there in ROOMS if found[room, there])
        print(f"{room:16} {files[room]:3} files → {told or 'none'}")  # noqa: T201
