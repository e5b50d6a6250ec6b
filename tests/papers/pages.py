"""The pages people read, and how these tests find things in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATHS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in PATHS}

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(page: str, heading: str) -> str:
    """What stands under a heading of the second rank, up to the next one."""
    (text,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGES[page], re.MULTILINE | re.DOTALL)
    return str(text)


def rows(text: str) -> Iterator[list[str]]:
    """The cells of the first table in the text, without its head."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("| ---"):
            break
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    return _BLOCK.findall(PAGES[page])


def prose(page: str) -> str:
    """The page without its fenced and indented blocks."""
    return re.sub(r"^    .*$", "", _BLOCK.sub("", PAGES[page]), flags=re.MULTILINE)


def anchors(page: str) -> set[str]:
    """The names GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", PAGES[page]), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
