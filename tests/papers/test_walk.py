"""README's walks go where the code goes."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.papers.pages import ROOT, section
from tests.test_architecture import PACKAGES, imported, name_of, sources

TREES = {name_of(path): tree for path, tree in sources(*PACKAGES)}
WALKS = [
    re.findall(r"^\d+\. `([\w/.]+)`", part, re.MULTILINE)
    for part in section("README.md", "The walk").split("Confirming one")
]


@pytest.mark.parametrize("walk", WALKS, ids=["placing", "confirming"])
def test_a_walk_has_at_most_ten_hops_and_none_twice(walk):
    assert 5 < len(walk) <= 10
    assert len(set(walk)) == len(walk)
    assert [hop for hop in walk if not (ROOT / hop).is_file()] == []


@pytest.mark.parametrize("walk", WALKS, ids=["placing", "confirming"])
def test_each_hop_is_led_to_by_one_before_it(walk):
    from_nowhere = [
        hop
        for position, hop in enumerate(walk[1:], start=1)
        if not any(_leads_to(earlier, hop) for earlier in walk[max(0, position - 4) : position])
    ]

    assert from_nowhere == []


def test_a_hop_that_nothing_leads_to_is_seen():
    assert not _leads_to("orders/api/urls.py", "orders/sql/orders_place.sql")
    assert not _leads_to("orders/api/urls.py", "events/outbox.py")
    assert not _leads_to("orders/requests/placing.py", "orders/announcing/receivers.py")
    assert not _leads_to("orders/api/operations.py", "orders/operations/confirming.py")


def _leads_to(here: str, there: str) -> bool:
    """By what it imports, by the name of an SQL function, or by the signal that the other listens to."""
    if there.endswith(".sql"):
        return f"{Path(there).stem}(" in (ROOT / here).read_text()
    used = _used(here)
    return name_of(Path(there)) in used or "orders.announcing.signals" in used & _used(there)


@cache
def _used(path: str) -> frozenset[str]:
    """The modules in which stands what the file imports, also through a package that hands it on."""
    tree = TREES[name_of(Path(path))]
    attributes = {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    used = set()
    for full in imported(tree):
        module, _, name = full.rpartition(".")
        if full in TREES:
            used |= {full, *(_home_of(full, attribute) for owner, attribute in attributes if owner == name)}
        elif module in TREES:
            used.add(_home_of(module, name))
    return frozenset(used)


def _home_of(module: str, name: str) -> str:
    """Where the name stands that the module has from elsewhere, or itself."""
    handed_on = (full.rpartition(".") for full in imported(TREES[module]))
    return next((home for home, _, found in handed_on if found == name), module)
