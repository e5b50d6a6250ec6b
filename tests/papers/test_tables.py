"""The tables in the papers are those the code uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from orders.rules import limits
from orders.rules.lifecycle import OPERATIONS
from orders.rules.staff_groups import GROUPS
from orders.rules.statuses import RULES, OrderStatus
from orders_project.sign_in.attempts import allowances
from tests.papers.pages import PAGES, ROOT, rows, section

LIFE = "docs/life-of-an-order.md"
CONFIGURATION = "docs/configuration.md"
# Read, but for tests alone: it kills the process at a chosen point.
FOR_TESTS = {"KILL_AT"}


def test_the_table_of_statuses_is_the_one_the_code_uses():
    shown = {cells[0].strip("`"): cells[1:] for cells in rows(section(LIFE, "Statuses"))}

    assert shown == {
        status.value: [rules.meaning, ", ".join(s.value for s in OrderStatus if s in rules.next_statuses) or "–"]
        for status, rules in RULES.items()
    }
    assert set(shown) == set(OrderStatus.values)


def test_the_table_of_operations_is_the_one_the_code_uses():
    shown = {name.strip("`"): [cell.strip("`") for cell in cells] for name, *cells in rows(section(LIFE, "Operations"))}

    assert shown == {
        operation.value: [
            rules.meaning.strip("`"),
            "any" if rules.statuses == set(OrderStatus) else ", ".join(s for s in OrderStatus if s in rules.statuses),
            rules.scope or "–",
            rules.permission or "–",
        ]
        for operation, rules in OPERATIONS.items()
    }


def test_the_table_of_staff_groups_is_the_one_the_code_uses():
    shown = {name.strip("`"): cell for name, cell in rows(section("docs/back-office.md", "Who may do what"))}

    assert shown == {
        group: ", ".join(f"`{operation}`" for operation, rules in OPERATIONS.items() if rules.permission in permitted)
        or "–"
        for group, permitted in GROUPS.items()
    }


def test_the_table_of_failed_sign_ins_is_the_one_the_code_uses():
    shown = [cells for _, *cells in rows(section("docs/back-office.md", "Signing in"))]

    by_user_at_address, by_device, by_user, by_address, by_code = (
        [
            str(allowance.failures),
            f"{_in_words(allowance.first_pause)}, {_in_words(allowance.longest_pause)}",
            _in_words(allowance.forgiven_every),
        ]
        for allowance in map(allowances().__getitem__, ("user_at_address", "device", "user", "address", "code"))
    )
    assert by_user_at_address == by_device
    assert shown == [by_device, by_user, by_address, by_code]


def _in_words(time: timedelta) -> str:
    minutes, seconds = divmod(time.seconds, 60)
    number, unit = (minutes, "minute") if minutes else (seconds, "second")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def test_the_tables_of_the_configuration_have_every_variable_and_no_other():
    assert len(_read_variables()) > 30
    assert {name for names, _ in _configuration() for name in names} == _read_variables() - FOR_TESTS


def test_the_defaults_that_are_numbers_are_those_of_the_code():
    defaults = _numeric_defaults()
    shown = {
        name: default
        for names, cell in _configuration()
        for name, default in zip(names, cell.split(", "), strict=False)
        if name in defaults
    }

    assert len(defaults) > 10
    assert {name: float(default) for name, default in shown.items()} == defaults


def test_the_secrets_that_a_file_may_hold_are_all_told():
    (sentence,) = re.findall(r"^A secret `X`(.+?) are such\.", PAGES[CONFIGURATION], re.MULTILINE | re.DOTALL)

    assert set(re.findall(r"`([A-Z_]+)`", sentence)) - {"X", "X_FILE"} == {
        name for function, name, _ in _readings() if function == "env_secret"
    }


def test_the_table_of_docker_has_the_variables_of_compose():
    shown = {name for cells in rows(section("docs/deploying.md", "With Docker")) for name in _names(cells[0])}

    assert shown == set(re.findall(r"\$\{(\w+):", (ROOT / "docker-compose.yml").read_text()))


def test_the_tables_of_limits_are_those_of_the_code():
    of_one_order, of_one_answer = section("docs/api.md", "Limits").split("| of one request or answer")
    numbers = {what.strip("`"): _numbers(most) for what, most in rows(of_one_order)}

    assert numbers == {
        **{part: [limit.most] for part, limit in limits.PARTS.items()},
        "items": [limits.MAX_ITEMS, limits.MAX_UNITS],
        "tags": [limits.MAX_TAGS],
        "metadata": [limits.MAX_METADATA_ENTRIES, limits.MAX_METADATA_BYTES],
    }
    assert [_numbers(most) for _, most in rows("|" + of_one_answer)] == [
        [limits.MAX_ORDERS_IN_BATCH],
        [limits.MAX_ORDERS_IN_BULK],
        [limits.MAX_BULK_SECONDS],
        [limits.MAX_PAGE_ORDERS, limits.PAGE_ORDERS],
        [limits.MAX_PAGE_ENTRIES],
        [limits.MAX_PAGE_EVENTS, limits.PAGE_EVENTS],
        [limits.MAX_WAIT_SECONDS],
        [limits.MAX_PAGE_BYTES],
        [],
    ]


def _numbers(text: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\b", text)]


def _names(cell: str) -> list[str]:
    return re.findall(r"`([A-Z_]+)`", cell)


def _configuration() -> Iterator[tuple[list[str], str]]:
    """Names and default of each row."""
    for heading in re.findall(r"^## (.+)$", PAGES[CONFIGURATION], re.MULTILINE):
        for variables, default, _ in rows(section(CONFIGURATION, heading)):
            yield _names(variables), default


def _read_variables() -> set[str]:
    return {name for _, name, _ in _readings()}


def _numeric_defaults() -> dict[str, float]:
    return {
        name: eval(ast.unparse(default), {})  # such as 60 * 24
        for function, name, default in _readings()
        if function in ("env_int", "env_float", "env_port") and default is not None
    }


def _readings() -> Iterator[tuple[str, str, ast.expr | None]]:
    """By which function the code reads which environment variable, and its default if it is named."""
    for package in (
        "orders",
        "audit",
        "events",
        "customer_client",
        "inventory_client",
        "remote_calls",
        "orders_project",
    ):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                yield from _reading(node)


def _reading(node: ast.AST) -> Iterator[tuple[str, str, ast.expr | None]]:
    environ = "os.environ"
    match node:
        case ast.Call(func=ast.Name(id=function), args=[ast.Constant(value=str(name)), *_]) if function[:4] == "env_":
            yield function, name, _default_in(node)
        case ast.Call(func=ast.Attribute(value=where, attr="get"), args=[ast.Constant(value=str(name)), *_]):
            if ast.unparse(where) == environ:
                yield "get", name, None
        case ast.Subscript(value=where, slice=ast.Constant(value=str(name))):
            if ast.unparse(where) == environ:
                yield "[]", name, None
        case ast.Compare(left=ast.Constant(value=str(name)), comparators=[where]):
            if ast.unparse(where) == environ:
                yield "in", name, None


def _default_in(call: ast.Call) -> Any:
    return next((keyword.value for keyword in call.keywords if keyword.arg == "default"), None)
