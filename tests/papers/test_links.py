"""Every link and picture leads somewhere."""

from __future__ import annotations

import re

import pytest

from tests.papers.pages import PAGES, ROOT, anchors, prose

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def links(page: str) -> list[str]:
    return [link for link in _LINK.findall(prose(page)) if not link.startswith(("https://", "http://"))]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page):
    broken = []
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent.joinpath(file).resolve() if file else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(str(target.relative_to(ROOT)))):
            broken.append(link)

    assert broken == []


def test_links_are_found_at_all():
    assert len([link for page in PAGES for link in links(page)]) > 80
    assert "docs/images/order-page.png" in links("README.md")
    assert "api.md#repeats-are-harmless" in links("docs/life-of-an-order.md")


def test_the_list_of_pages_has_every_page():
    listed = {link for link in links("docs/README.md") if "/" not in link}

    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_every_picture_is_shown():
    shown = {link.removeprefix("images/") for link in links("docs/back-office.md") if link.startswith("images/")}

    assert shown == {path.name for path in (ROOT / "docs/images").iterdir()}


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_a_page_opens_with_what_it_answers(page):
    title, empty, answers, *_ = PAGES[page].splitlines()

    assert (title.startswith("# "), empty) == (True, "")
    assert re.fullmatch(r"[A-Z][^|#].*", answers)
