"""The programs that benchmarks hand to another Python import what there is."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Also where they stand in a string.
IMPORTS = [
    (module, name.strip())
    for path in sorted((ROOT / "benchmarks").glob("*.py"))
    for module, names in re.findall(
        r"^from ((?:orders|events|inventory_client|orders_project)[\w.]*) import (.+)$", path.read_text(), re.MULTILINE
    )
    for name in names.split(",")
]


def test_what_they_import_is_there():
    assert len(IMPORTS) >= 8
    assert [(module, name) for module, name in IMPORTS if not hasattr(import_module(module), name)] == []
