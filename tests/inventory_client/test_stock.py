from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from audit.models import Entry
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Stock
from inventory_client.stock import (
    LevelBelowReserved,
    LevelChangedMeanwhile,
    LevelRefused,
    change_stock_levels,
    set_stock_levels,
)
from inventory_client.values import HoldRequest

pytestmark = pytest.mark.django_db


def _levels() -> dict[str, int]:
    return dict(Stock.objects.values_list("product_id", "on_hand"))


def test_sets_levels_of_old_and_new_products(django_assert_num_queries):
    set_stock_levels({"cup": 1})

    with django_assert_num_queries(3):  # savepoint, statement, release
        set_stock_levels({"plate": 2, "cup": 3})

    assert _levels() == {"cup": 3, "plate": 2}


def test_refuses_a_level_below_what_is_reserved_and_changes_nothing():
    set_stock_levels({"cup": 5, "plate": 5})
    EmbeddedLedger(hold_grace_seconds=120).hold([HoldRequest(uuid4(), {"cup": 3})])

    with pytest.raises(LevelBelowReserved, match="cup: 3 units are reserved, so 2 on hand are too few"):
        set_stock_levels({"plate": 1, "cup": 2})

    assert _levels() == {"cup": 5, "plate": 5}


def test_refuses_a_negative_level():
    with pytest.raises(ValueError, match="cup: -1 units on hand"):
        set_stock_levels({"cup": -1})

    assert _levels() == {}


def test_the_command_sets_levels(capsys):
    call_command("set_stock", "cup=3", "a=b=4")

    assert _levels() == {"cup": 3, "a=b": 4}
    assert capsys.readouterr().out == "Set the stock of 2 products.\n"


def test_changes_levels_by_so_many_units_whatever_orders_take_meanwhile():
    set_stock_levels({"cup": 5, "plate": 5})
    hold = HoldRequest(uuid4(), {"cup": 2}, 1, shipped={"cup": 2})
    EmbeddedLedger(hold_grace_seconds=120).hold([hold])

    change_stock_levels({"plate": -2, "cup": 4}, reason="counted", by="staff:ann")

    assert sorted(Stock.objects.values_list("pk", "on_hand", "version")) == [("cup", 7, 2), ("plate", 3, 2)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"plate": 1, "cup": -3}, "cup: 3 units are reserved, so 2 on hand are too few"),
        ({"plate": 1, "spoon": 1}, "There is no stock of spoon yet: set its level first."),
        ({"plate": 1, "cup": 2**63 - 5}, "cup: more than 9223372036854775807 on hand cannot be counted."),
    ],
)
def test_changes_all_levels_or_none(changes, said):
    set_stock_levels({"cup": 5, "plate": 5})
    EmbeddedLedger(hold_grace_seconds=120).hold([HoldRequest(uuid4(), {"cup": 3})])

    with pytest.raises(LevelRefused, match=said):
        change_stock_levels(changes, reason="counted", by="staff:ann")

    assert _levels() == {"cup": 5, "plate": 5}
    assert not Entry.objects.exists()


def test_a_level_below_what_is_promised_may_rise_but_not_fall():
    set_stock_levels({"cup": 5})
    Stock.objects.update(reserved=7, oversold=2)

    change_stock_levels({"cup": 1}, reason="found one", by="staff:ann")
    with pytest.raises(LevelRefused, match="7 units are reserved, so 5 on hand are too few"):
        change_stock_levels({"cup": -1}, reason="lost one", by="staff:ann")

    assert Stock.objects.values_list("on_hand", "reserved", "oversold").get() == (6, 7, 1)


def test_only_what_people_change_is_another_version():
    set_stock_levels({"cup": 5})
    EmbeddedLedger(hold_grace_seconds=120).hold([HoldRequest(uuid4(), {"cup": 2}, 1, shipped={"cup": 1})])
    set_stock_levels({"cup": 4})
    seen = Stock.objects.get().version
    set_stock_levels({"cup": 9})

    with pytest.raises(LevelChangedMeanwhile, match="it is 9 on hand, 1 of them held, 8 free now"):
        change_stock_levels({"cup": 1}, reason="found one", by="staff:ann", versions={"cup": seen})

    assert (seen, Stock.objects.get().version, _levels()) == (1, 2, {"cup": 9})


def test_the_command_changes_levels_and_the_history_tells_why(capsys):
    set_stock_levels({"cup": 5, "plate": 5})

    call_command("set_stock", "--change", "cup=+3", "plate=-2", "cup=-1", "--reason", " delivery 4711 ")

    assert _levels() == {"cup": 7, "plate": 3}
    assert capsys.readouterr().out == "Changed the stock of 2 products.\n"
    assert [entry.changes for entry in Entry.objects.order_by("object_id")] == [
        [
            {"field": "on_hand", "before": 5, "after": after},
            {"field": "reason", "before": None, "after": "delivery 4711"},
        ]
        for after in (7, 3)
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("changes.csv", "product_id,change\ncup,3\nplate,-1\n"),
        ("changes.ndjson", '{"product_id": "cup", "change": 3}\n{"product_id": "plate", "change": -1}\n'),
    ],
)
def test_the_command_reads_changes_from_files(tmp_path, name, content):
    set_stock_levels({"cup": 5, "plate": 5})
    (tmp_path / name).write_text(content)

    call_command("set_stock", "--change", "--file", str(tmp_path / name), "--reason", "delivery")

    assert _levels() == {"cup": 8, "plate": 4}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cup=3"], "Say with --reason why there are more or less."),
        (["cup=x", "--reason", "a"], "Expected a product id and its change."),
        (["cup=2147483648", "--reason", "a"], "Expected `int` <= 2147483647"),
        (
            ["spoon=1", "--reason", "a"],
            "There is no stock of spoon yet: set its level first. 0 levels were set before.",
        ),
    ],
)
def test_the_command_says_what_it_cannot_change(arguments, said):
    set_stock_levels({"cup": 5})

    with pytest.raises(CommandError) as raised:
        call_command("set_stock", "--change", *arguments)

    assert said in str(raised.value)
    assert _levels() == {"cup": 5}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("levels.csv", "product_id,on_hand\ncup,3\nplate,0\n"),
        ("levels.ndjson", '{"product_id": "cup", "on_hand": 3}\n{"product_id": "plate", "on_hand": 0}\n'),
    ],
)
def test_the_command_reads_files(tmp_path, name, content):
    file = tmp_path / name
    file.write_text(content)

    call_command("set_stock", "--file", str(file))

    assert _levels() == {"cup": 3, "plate": 0}


@pytest.mark.parametrize("argument", ["cup", "cup=", "cup=x", "cup=-1", "=3"])
def test_the_command_says_what_it_cannot_read(argument):
    with pytest.raises(CommandError, match=r"xpected a product id"):
        call_command("set_stock", argument)

    assert _levels() == {}


@pytest.mark.parametrize(
    ("name", "content", "where"),
    [
        ("levels.csv", "product_id,on_hand\ncup,3\nplate,many\n", "Line 3"),
        ("levels.csv", "sku,units\ncup,3\n", "Line 2"),
        ("levels.ndjson", '{"product_id": "cup", "on_hand": 3}\n{\n', "Line 2"),
    ],
)
def test_the_command_names_the_line_it_cannot_read(tmp_path, name, content, where):
    file = tmp_path / name
    file.write_text(content)

    with pytest.raises(CommandError, match=where):
        call_command("set_stock", "--file", str(file))

    assert _levels() == {}


def test_the_command_needs_something_to_set(tmp_path):
    with pytest.raises(CommandError, match="Nothing to set"):
        call_command("set_stock")
    with pytest.raises(CommandError, match="There is no file"):
        call_command("set_stock", "--file", str(tmp_path / "missing.csv"))


@pytest.mark.parametrize("product", [" ", "cup ", "cu\np", "cup\u200b"])
def test_the_command_sets_no_product_that_could_not_be_ordered(product):
    with pytest.raises(CommandError, match=r"is no product id\. Expected neither control"):
        call_command("set_stock", f"{product}=3")

    assert _levels() == {}


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("cup=9223372036854775808", "Expected `int` <= 9223372036854775807 - at `$.on_hand`"),
        ("cup=-1", "Expected `int` >= 0 - at `$.on_hand`"),
        ("=5", "Expected `str` of length >= 1 - at `$.product_id`"),
        (f"{'x' * 201}=5", "Expected `str` of length <= 200 - at `$.product_id`"),
    ],
)
def test_the_command_refuses_what_no_ledger_holds(level: str, said: str):
    with pytest.raises(CommandError) as raised:
        call_command("set_stock", level)

    assert str(raised.value) == f"{level}: {said}. Expected a product id and its units on hand."
    assert _levels() == {}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "levels.csv",
            b"product_id,on_hand\ncup,99999999999999999999\n",
            "Line 2: Expected `int` <= 9223372036854775807",
        ),
        ("levels.csv", b"product_id,on_hand\nc\x00p,1\n", "Line 2: that is no product id. Expected neither"),
        ("levels.csv", b"product_id,on_hand\nc\xffp,1\n", "levels.csv cannot be read: 'utf-8' codec can't decode"),
        (
            "levels.ndjson",
            b'{"product_id": "c\\u0000p", "on_hand": 1}\n',
            "Line 1: that is no product id. Expected neither",
        ),
        ("levels.ndjson", b"\xff\xfe\n", "levels.ndjson cannot be read: 'utf-8' codec can't decode"),
    ],
)
def test_the_command_says_which_line_of_a_file_is_wrong(tmp_path, name: str, content: bytes, said: str):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(CommandError) as raised:
        call_command("set_stock", "--file", str(tmp_path / name))

    assert said in str(raised.value)
    assert _levels() == {}
