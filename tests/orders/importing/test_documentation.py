import re

import pytest

from orders.importing.lines import History, ImportedOrder
from orders.importing.marketplace import STATUS_OF
from orders.models import Order
from orders.reading.documents import document_of
from tests.papers.pages import PAGES, ROOT, rows, section

PAGE = "docs/importing.md"
FORMAT = PAGES[PAGE]


def _example(language: str) -> str:
    return FORMAT.split(f"```{language}\n")[1].split("```")[0]


@pytest.mark.parametrize(("language", "name"), [("json", "orders.ndjson"), ("csv", "orders.csv")])
def test_both_examples_are_the_same_order(run_import, language, name):
    done = run_import(_example(language), name=name)

    assert (done.code, "1 placed, 0 skipped, 0 refused" in done.report) == (0, True)
    order = document_of(Order.objects.get())
    assert (order["external_reference"], order["status"], order["total_amount"]) == ("A-1001", "completed", 4500)
    assert [(item["product_id"], item["name"], item["shipped"]) for item in order["items"]] == [
        ("cup", "Cup", 2),
        ("plate", None, 1),
    ]
    assert order["metadata"]["payments"] == "credit_card 4000/3; voucher 500"
    assert (order["shipping_address"]["city"], order["shipping_address"]["country"]) == ("Curitiba", "BR")


def test_every_field_and_status_is_described():
    described = set(re.findall(r"`([a-z_.]+)(?:\[\])?`", FORMAT))

    assert described >= set(ImportedOrder.__struct_fields__)
    assert {field.removeprefix("history.") for field in described} >= set(History.__struct_fields__)
    assert described >= set(STATUS_OF)


def test_the_table_of_fields_has_every_field_and_no_other():
    described = [name for cells in rows(section(PAGE, "NDJSON")) for name in re.findall(r"`([a-z_.]+)", cells[0])]

    fields = [*ImportedOrder.__struct_fields__, *History.__struct_fields__]
    assert sorted(name.removeprefix("history.") for name in described) == sorted(
        name for name in fields if name != "history"
    )


def test_the_table_of_statuses_has_every_status_and_what_it_becomes():
    shown = {
        word: becomes.strip("`")
        for words, becomes, _ in list(rows(FORMAT.split("| `history.status` | `status` | |")[1]))
        for word in re.findall(r"`([a-z]+)`", words)
    }

    assert shown == {word: status.value for word, status in STATUS_OF.items()}


def test_the_table_of_what_is_not_done_has_every_code():
    sources = "".join(path.read_text() for path in (ROOT / "orders/importing").rglob("*.py"))

    shown = {cells[0].strip("`") for cells in rows(section(PAGE, "What it tells").split("| code | means |")[1])}

    assert shown == set(re.findall(r'LeftOut\(\s*"(\w+)"', sources))
