from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Stock
from inventory_client.stock import LevelBelowReserved, set_stock_levels
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
