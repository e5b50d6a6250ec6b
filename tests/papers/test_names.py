"""What the papers name is there: files, commands, scopes, groups, event types, versions."""

from __future__ import annotations

import re
import tomllib

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

from events.schemas import registered_types
from orders.rules.scopes import Scope
from orders.rules.staff_groups import GROUPS
from tests.papers.pages import PAGES, ROOT, rows, section
from tests.test_architecture import ROOMS

EVERYTHING = "\n".join(PAGES.values())


def test_every_command_they_name_exists():
    named = set(re.findall(r"manage\.py (\w+)", EVERYTHING))

    assert {"api_keys", "import_orders", "sweep", "relay_events", "outbox", "set_stock", "run_inventory"} <= named
    assert named - set(get_commands()) == set()


def test_every_command_of_ours_is_named():
    ours = {
        name
        for name, app in get_commands().items()
        if app in ("orders", "events", "customer_client", "inventory_client")
    }

    # `manage.py run` calls it; nobody else has to.
    assert {name for name in ours - {"seed_demo"} if f"manage.py {name}" not in EVERYTHING} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_option_of_a_command_exists(page):
    for name, rest in re.findall(r"manage\.py (\w+)((?: [^\n`]*)?)", PAGES[page]):
        options = re.findall(r"(?<=[ \[])(--[a-z-]+)", rest)
        if not options:
            continue
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        known = parser.format_help()
        for action in parser._actions:
            for subparser in (action.choices or {}).values() if isinstance(action.choices, dict) else ():
                known += subparser.format_help()
        assert [option for option in options if option not in known] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_every_file_a_page_names_exists(page):
    packages = (
        "orders|audit|events|customer_client|inventory_client|remote_calls|tests|benchmarks|docs|script|orders_project"
    )
    named = re.findall(rf"`((?:{packages})/[\w./-]*)`", PAGES[page])
    named += re.findall(r"\b(script/\w+)", PAGES[page])

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_files_are_found_at_all():
    assert len(re.findall(r"`\w+/[\w./-]*`", EVERYTHING)) > 90


def test_every_script_is_named():
    scripts = {path.name for path in (ROOT / "script").iterdir() if not path.suffix} - {"setup"}

    assert {name for name in scripts if f"script/{name}" not in EVERYTHING} == set()


def test_the_map_has_every_package():
    listing = set(re.findall(r"^    (\w+)/ ", section("README.md", "The map"), re.MULTILINE))

    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} <= listing
    assert [name for name in listing if not (ROOT / name).is_dir()] == []


def test_the_map_has_every_room_of_orders_from_the_top_down():
    shown = [re.sub("`orders/(.+)/`", r"\1", room) for room, _ in rows(section("README.md", "The map"))]

    assert shown == [room for room in ROOMS if (ROOT / "orders" / room).is_dir()]


def test_they_name_every_scope_and_staff_group():
    assert [name for name in (*Scope.values, *GROUPS) if f"`{name}`" not in EVERYTHING] == []


def test_the_event_types_are_the_registered_ones():
    shown = [cells[0].strip("`") for cells in rows(section("docs/events.md", "Types"))]

    assert sorted(shown) == registered_types()
    assert set(re.findall(r"\border\.(?:cre|upd|del|rej|rest|can)\w+", EVERYTHING)) == set(registered_types())


def test_the_newest_version_of_the_changelog_is_the_projects():
    versions = re.findall(r"^## \[(.+?)\](.*)$", PAGES["CHANGELOG.md"], re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert versions[0] == ("Unreleased", "")
    newest, date = versions[1]
    assert newest == project["version"] == settings.VERSION
    assert re.fullmatch(r" - \d{4}-\d\d-\d\d", date)


def test_security_speaks_of_the_version_there_is():
    supported = [cells[0] for cells in rows(section("SECURITY.md", "Reporting"))]

    assert settings.VERSION.rpartition(".")[0] in supported


def test_every_promise_of_security_says_where_it_is_shown():
    promises = list(rows(section("SECURITY.md", "What is promised")))

    assert len(promises) > 10
    assert [promise for promise, shown in promises if not re.search(r"`[\w/]+\.py`", shown)] == []


def test_the_readme_is_read_in_five_minutes():
    assert len(PAGES["README.md"].splitlines()) < 180
