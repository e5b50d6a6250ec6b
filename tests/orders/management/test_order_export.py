"""`manage.py order export`: the list of orders as a file."""

from __future__ import annotations

import csv
import io
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import Entry
from orders.management import order_export
from orders.management.commands.order import Command
from tests.base import perform
from tests.orders.asking import sell


def export(*arguments: object) -> str:
    told = io.StringIO()
    call_command(order_export.Command(), *map(str, arguments), stderr=told)
    return told.getvalue()


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


@pytest.fixture
def orders(api: Any) -> list[dict[str, Any]]:
    """A confirmed one, then a pending one."""
    found = [sell(api, contact={"email": "ada@example.com"}), sell(api)]
    perform("confirm", found[0]["id"])
    return found


def test_writes_every_order_newest_first(orders, tmp_path):
    told = export(tmp_path / "orders.csv")

    assert [row["number"] for row in rows(tmp_path / "orders.csv")] == [order["number"] for order in reversed(orders)]
    assert told == "Exported 2 orders as CSV.\n"


def test_writes_what_the_filters_leave(orders, tmp_path):
    export(tmp_path / "orders.csv", "--filter", "status=confirmed", "--filter=storefront=au")

    (row,) = rows(tmp_path / "orders.csv")
    assert (row["number"], row["email"]) == (orders[0]["number"], "ada@example.com")


def test_leaves_out_what_tells_of_a_person(orders, tmp_path):
    export(tmp_path / "orders.csv", "--without-personal-data")

    assert "email" not in rows(tmp_path / "orders.csv")[0]
    assert "ada@example.com" not in (tmp_path / "orders.csv").read_text()


def test_writes_a_sheet_where_the_files_name_says_so(orders, tmp_path):
    told = export(tmp_path / "orders.xlsx")

    sheet = zipfile.ZipFile(tmp_path / "orders.xlsx").read("xl/worksheets/sheet1.xml").decode()
    assert orders[0]["number"] in sheet
    assert told == "Exported 2 orders as XLSX.\n"


def test_tells_how_far_it_has_come(orders, tmp_path, monkeypatch):
    monkeypatch.setattr("orders.admin.orders.pages._MANY", 1)

    told = export(tmp_path / "orders.csv", "--progress", "0.000001")

    assert told.splitlines() == ["1 orders written …", "2 orders written …", "Exported 2 orders as CSV."]


def test_stands_among_the_changes_without_a_person(orders, tmp_path):
    export(tmp_path / "orders.csv", "--filter", "customer=cus123", "--filter", "status=pending", "--filter", "tag=ann")

    entry = Entry.objects.get(action="Exported")
    assert entry.by.startswith("system:order (by ")
    assert entry.changes == [
        {"field": "format", "before": None, "after": "csv"},
        {"field": "filters", "before": None, "after": ["customer", "status=pending", "tag"]},
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--filter", "status"], "'status' is no filter"),
        (["--filter", "nothing=1"], "There is no filter 'nothing'"),
        (["--filter", "status=nope"], "cannot be used for status: it takes pending"),
        (["--filter", "claimed=mine"], "a command is nobody"),
        (["--filter", "storefront=xx"], "cannot be used for storefront"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_written(orders, tmp_path, arguments, said):
    with pytest.raises(CommandError, match=said):
        export(tmp_path / "orders.csv", *arguments)

    assert not (tmp_path / "orders.csv").exists()
    assert not Entry.objects.filter(action="Exported").exists()


def test_only_its_owner_reads_the_file(orders, tmp_path):
    (tmp_path / "orders.csv").write_text("An earlier one.")
    (tmp_path / "orders.csv").chmod(0o644)

    export(tmp_path / "orders.csv")

    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.iterdir()] == [("orders.csv", 0o600)]


def test_an_earlier_file_stays_where_the_next_one_is_not_complete(orders, tmp_path, monkeypatch):
    (tmp_path / "orders.csv").write_text("An earlier one.")

    def fail(listing: Any, stream: Any, *args: Any, **kwargs: Any) -> None:
        stream.write(b"Half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr("orders.management.order_export.write_orders", fail)

    with pytest.raises(KeyboardInterrupt):
        export(tmp_path / "orders.csv")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("orders.csv", "An earlier one.")]


def test_a_file_that_is_not_complete_is_removed(orders, tmp_path, monkeypatch):
    def fail(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orders.management.order_export.write_orders", fail)

    with pytest.raises(KeyboardInterrupt):
        export(tmp_path / "orders.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(orders, tmp_path):
    with pytest.raises(CommandError, match="cannot be written"):
        export(tmp_path / "nowhere" / "orders.csv")


def test_is_a_part_of_the_command_for_orders(orders, tmp_path, capsys):
    Command().run_from_argv(["manage.py", "order", "export", str(tmp_path / "orders.csv")])

    assert len(rows(tmp_path / "orders.csv")) == 2
    with pytest.raises(SystemExit):
        Command().run_from_argv(["manage.py", "order", "export", "--help"])
    assert "manage.py order export" in capsys.readouterr().out
