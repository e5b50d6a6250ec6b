"""What the README says of the code is true."""

import re
from pathlib import Path

from django.conf import settings
from django.core.management import get_commands

from orders.rules.scopes import Scope
from orders.rules.staff_groups import GROUPS
from orders.rules.statuses import RULES, OrderStatus

README = (Path(settings.BASE_DIR) / "README.md").read_text()


def test_the_table_of_an_orders_life_is_the_one_the_code_uses():
    rows = {}
    for line in README.split("## An order's life")[1].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].strip("`") in OrderStatus.values:
            rows[cells[0].strip("`")] = cells[1:]

    assert set(rows) == set(OrderStatus.values)
    for status, rules in RULES.items():
        meaning, following = rows[status.value]
        assert meaning == rules.meaning
        assert following == (", ".join(s.value for s in OrderStatus if s in rules.next_statuses) or "–")


def test_every_environment_variable_is_in_the_table():
    configuration = README.split("## Configuration")[1].split("## Operating it")[0]
    sources = "".join(
        (Path(settings.BASE_DIR) / "orders_project" / name).read_text()
        for name in ("settings.py", "embedded_pg/cluster.py", "embedded_pg/programs.py")
    )
    read = set(re.findall(r"(?:env\.\w+|env_names|env_secret)\(\s*['\"](\w+)", sources))
    read |= set(re.findall(r"os\.environ(?:\.get\(|\[)['\"](\w+)", sources))

    assert len(read) > 30
    assert {name for name in read if f"`{name}`" not in configuration and f"`{name}=" not in configuration} == set()


def test_every_command_it_names_exists():
    named = set(re.findall(r"manage\.py (\w+)", README))

    assert {"api_keys", "import_orders", "sweep", "relay_events", "outbox", "set_stock", "run_inventory"} <= named
    assert named - set(get_commands()) == set()


def test_every_file_it_names_exists():
    named = re.findall(
        r"`((?:orders|events|inventory_client|tests|benchmarks|docs|script|orders_project)/[\w./-]*)`", README
    )
    named += re.findall(r"\]\(((?:docs|benchmarks)/[\w./-]+)\)", README)

    assert len(named) > 30
    assert [name for name in named if not (Path(settings.BASE_DIR) / name).exists()] == []


def test_it_names_every_scope_and_staff_group():
    assert [name for name in (*Scope.values, *GROUPS) if f"`{name}`" not in README] == []
