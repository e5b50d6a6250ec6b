"""The shape of the code: who imports whom, and where locks, transactions and signals may appear."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("orders", "events", "inventory_client", "orders_project")
MAY_IMPORT = {
    "events": set[str](),
    "inventory_client": set[str](),
    "orders": {"events", "inventory_client"},
    "orders_project": {"orders", "events", "inventory_client"},
}
# A module of `orders` imports only from its own row or rows above it.
LAYERS = [
    {"rules"},
    {"models"},
    {"requests", "announcing", "reading", "drafts", "importing"},
    {"operations"},
    {"api", "doctor"},
    {"apps"},
]
ABOVE_ALL = {"admin", "management", "checks", "demo"}


def sources(*packages: str) -> Iterator[tuple[Path, ast.Module]]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT), ast.parse(path.read_text())


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


def calls(tree: ast.AST, *names: str) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr in names for node in ast.walk(tree))


@pytest.mark.parametrize("package", ["orders", "events", "inventory_client"])
def test_packages_depend_on_each_other_in_one_direction(package):
    wrong = {
        f"{path} imports {name}"
        for path, tree in sources(package)
        for name in imported(tree)
        if name.split(".")[0] in PACKAGES and name.split(".")[0] not in {package, *MAY_IMPORT[package]}
    }

    assert wrong == set()


def test_modules_of_orders_import_only_from_their_own_layer_or_below():
    level = {module: row for row, modules in enumerate(LAYERS) for module in modules}
    wrong = set()
    for path, tree in sources("orders"):
        module = path.parts[1].removesuffix(".py")
        if module in ABOVE_ALL or module == "__init__":
            continue
        for name in imported(tree):
            package, _, rest = name.partition(".")
            target = rest.split(".")[0]
            if package == "orders" and level.get(target, len(LAYERS)) > level[module]:
                wrong.add(f"{path} imports {name}")

    assert wrong == set()


def test_every_module_of_orders_has_a_layer():
    modules = {path.parts[1].removesuffix(".py") for path, _ in sources("orders")} - {"__init__"}

    assert modules - ABOVE_ALL == set().union(*LAYERS)


def test_orders_are_locked_and_transactions_opened_only_in_operations():
    wrong = {
        str(path)
        for path, tree in sources("orders")
        if path.parts[1] != "operations" and calls(tree, "select_for_update", "atomic", "on_commit")
    }

    assert wrong == set()


def test_the_signal_is_sent_only_from_operations():
    senders = [path for path, tree in sources(*PACKAGES) if calls(tree, "send", "send_robust") and _names_signal(tree)]

    assert len(senders) >= 2
    assert {path.parent for path in senders} == {Path("orders/operations")}


def _names_signal(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "order_changed" for node in ast.walk(tree))


def test_nothing_is_imported_inside_a_function_but_in_ready():
    wrong = {
        f"{path}:{function.name}"
        for path, tree in sources(*PACKAGES)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name != "ready"
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function))
    }

    assert wrong == set()


def test_no_module_is_named_for_nothing_in_particular():
    vague = {"utils.py", "helpers.py", "common.py", "misc.py"}

    assert {str(path) for path, _ in sources(*PACKAGES) if path.name in vague} == set()
