"""`manage.py order`: operations from the command line, by the same rules as everywhere."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from events.models import Event
from inventory_client.stock import set_stock_levels
from orders.management.commands import order as order_command
from orders.models import Order, PaymentRecord
from orders.rules.ids import new_id
from tests.base import perform
from tests.orders.asking import everything


@pytest.fixture(autouse=True)
def _run_by_ann(monkeypatch):
    monkeypatch.setenv("LOGNAME", "ann")


def order(*arguments: str, **options: Any) -> tuple[int, list[str]]:
    """Exit code and lines of `manage.py order …`."""
    out = io.StringIO()
    try:
        call_command("order", *arguments, stdout=out, **options)
    except CommandError as error:
        return error.returncode, out.getvalue().splitlines()
    return 0, out.getvalue().splitlines()


def order_json(*arguments: str, **options: Any) -> tuple[int, list[dict[str, Any]]]:
    code, lines = order(*arguments, "--json", **options)
    return code, [json.loads(line) for line in lines]


def refusal_of(*arguments: str, **options: Any) -> str:
    """The sentence of a call that does nothing at all."""
    before = everything()
    with pytest.raises(CommandError) as raised:
        call_command("order", *arguments, stdout=io.StringIO(), **options)
    assert raised.value.returncode == 1
    assert everything() == before
    return str(raised.value)


def statuses() -> dict[str, str]:
    return dict(Order.all_objects.values_list("number", "status"))


# --- one order ---------------------------------------------------------------------------------------


def test_does_an_operation_to_an_order_by_its_number_and_says_who_did_it(place_order):
    number = place_order(cup=2)["number"]

    code, lines = order("confirm", number, reason="the customer called")

    assert (code, lines) == (0, [f"{number}: done. It is confirmed, at version 2.", "1 done, 0 refused."])
    event = Event.objects.with_reasons().get(sequence=2)
    assert (event.actor, event.told_reason) == ("system:order", "the customer called (by ann)")


def test_does_it_by_id_and_with_data(place_order):
    placed = place_order(cup=2)

    code, lines = order_json("cancel", placed["id"], data='{"cause": "fraud"}')

    assert code == 0
    assert lines == [
        {
            "name": placed["number"],
            "order_id": placed["id"],
            "result": "done",
            "status": "canceled",
            "version": 2,
        },
        {"summary": {"done": 1, "refused": 0}},
    ]
    assert Order.objects.get().cancel_reason == "fraud"


def test_numbers_may_be_written_small(place_order):
    number = place_order(cup=1)["number"]

    code, _ = order("confirm", number.lower())

    assert code == 0
    assert statuses() == {number: "confirmed"}


def test_a_refused_order_is_told_by_sentence_and_code_and_stays_as_it_was(place_order):
    placed = place_order(cup=2)

    code, lines = order("ship", placed["number"])

    assert code == 1
    assert lines == [
        f"{placed['number']}: refused (invalid_transition). A pending order cannot be shipped; "
        "it can be canceled or confirmed.",
        "0 done, 1 refused.",
    ]
    assert statuses() == {placed["number"]: "pending"}
    assert Event.objects.count() == 1


def test_only_the_version_it_was_decided_for_is_changed(place_order):
    placed = place_order(cup=1)
    perform("change_details", placed["id"], note="ring twice")

    stale, lines = order_json("confirm", placed["number"], version=1)
    current, _ = order_json("confirm", placed["number"], version=2)

    assert (stale, lines[0]["code"], current) == (1, "version_mismatch", 0)
    assert statuses() == {placed["number"]: "confirmed"}


def test_details_are_checked_as_the_api_checks_them(place_order):
    placed = place_order(cup=1)

    code, _ = order("change_details", placed["number"], data='{"note": "ring twice"}')

    assert (code, Order.objects.get().note) == (0, "ring twice")
    assert refusal_of("change_details", placed["number"], data='{"shipping_address": {"country": "XX"}}') == (
        "--data is not what change_details takes: /shipping_address/country: XX is not a country of ISO 3166-1 alpha-2."
    )


def test_deleted_orders_can_be_restored_and_paid_but_not_changed(place_order):
    placed = place_order(cup=1)
    perform("delete", placed["id"])

    changed, lines = order("change_details", placed["number"], data='{"note": "n"}')
    paid, _ = order(
        "record_payment", placed["number"], data='{"kind": "capture", "amount": 5, "psp_reference": "cap-1"}'
    )
    restored, _ = order("restore", placed["number"])

    assert (changed, paid, restored) == (1, 0, 0)
    assert lines[0] == (
        f"{placed['number']}: refused (order_not_found). The order is deleted. It can be restored, and payments of it "
        "can be recorded."
    )
    assert PaymentRecord.objects.get().late
    assert Order.objects.get().note == ""


# --- many orders -------------------------------------------------------------------------------------


def test_each_of_many_is_done_or_refused_on_its_own(place_order):
    pending, confirmed = place_order(cup=1), place_order(cup=1)
    perform("confirm", confirmed["id"])

    code, lines = order_json("confirm", pending["number"], confirmed["id"], "AU-NOBODY")

    assert code == 3
    assert sorted((line["name"], line["result"], line.get("code")) for line in lines[:-1]) == sorted(
        [
            ("AU-NOBODY", "refused", "order_not_found"),
            (pending["number"], "done", None),
            (confirmed["number"], "refused", "invalid_transition"),
        ]
    )
    assert lines[-1] == {"summary": {"done": 1, "refused": 2}}
    assert set(statuses().values()) == {"confirmed"}


def test_orders_come_from_a_file_too_and_each_is_done_once(place_order, tmp_path):
    first, second = place_order(cup=1), place_order(cup=1)
    file = tmp_path / "orders.txt"
    file.write_text(f"\n{second['number']}\n{second['id']}\n  {first['number'].lower()} \n")

    code, lines = order("confirm", first["id"], ids_from=str(file))

    assert (code, lines[-1]) == (0, "2 done, 0 refused.")
    assert set(statuses().values()) == {"confirmed"}
    assert Event.objects.filter(sequence=2).count() == 2


def test_orders_come_from_standard_input(place_order, monkeypatch):
    number = place_order(cup=1)["number"]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{number}\n"))

    code, _ = order("confirm", ids_from="-")

    assert (code, statuses()) == (0, {number: "confirmed"})


def test_a_file_of_more_than_a_batch_is_worked_off_in_batches(place_order, tmp_path):
    number = place_order(cup=1)["number"]
    file = tmp_path / "orders.txt"
    file.write_text("".join(f"AU-{line}\n" for line in range(1500)) + f"{number}\n")

    code, lines = order("confirm", ids_from=str(file))

    assert (code, lines[-1]) == (3, "1 done, 1,500 refused.")


# --- storefronts -------------------------------------------------------------------------------------


def test_a_number_that_two_storefronts_have_needs_the_storefront(place_order, other_storefront):
    placed = place_order(cup=1)
    Order.objects.filter(pk=placed["id"]).update(number="X-1")
    twin = Order.objects.get(pk=placed["id"])
    twin.pk, twin.storefront, twin.reservation_id = new_id(), other_storefront, None
    twin.save(force_insert=True)

    unclear, lines = order("change_details", "X-1", data='{"note": "n"}')
    clear, _ = order("change_details", "X-1", data='{"note": "n"}', storefront="au")

    assert (unclear, clear) == (1, 0)
    assert lines[0] == (
        "X-1: refused (ambiguous_number). The storefronts au and nz have an order of this number: choose by "
        "--storefront, or name its id."
    )
    assert dict(Order.objects.values_list("storefront__code", "note")) == {"au": "n", "nz": ""}


def test_with_a_storefront_the_orders_of_others_do_not_exist(place_order, other_storefront):
    placed = place_order(cup=1)

    code, lines = order("confirm", placed["id"], storefront="nz")

    assert (code, lines[0]) == (1, f"{placed['id']}: refused (order_not_found). There is no order {placed['id']}.")
    assert statuses() == {placed["number"]: "pending"}


# --- rehearsing --------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_would_change_and_changes_nothing(place_order):
    placed = place_order(cup=2)
    before = everything()

    code, lines = order("cancel", placed["number"], dry_run=True)

    assert (code, lines) == (
        0,
        [
            f"{placed['number']}: would be canceled, at version 2; "
            "changed: balance_amount, cancel_reason, due_amount, items, status; stock: cup -2.",
            "1 would be done, 0 refused.",
        ],
    )
    assert everything() == before


def test_a_dry_run_as_json_has_the_order_the_events_stock_and_money(place_order):
    placed = place_order(cup=2)
    set_stock_levels({"cup": 1000})
    before = everything()

    code, lines = order_json("cancel", placed["number"], dry_run=True)

    rehearsed = lines[0]
    assert (code, rehearsed["result"], rehearsed["stock"], rehearsed["money"]) == (0, "rehearsed", {"cup": -2}, {})
    assert rehearsed["order"]["status"] == "canceled"
    assert [event["type"] for event in rehearsed["events"]] == ["order.updated"]
    assert everything() == before


def test_a_dry_run_knows_of_a_payment_that_it_told_of_a_thousand_orders_before(place_order, tmp_path, monkeypatch):
    monkeypatch.setattr(order_command, "_MOST_AT_ONCE", 1)
    numbers = [place_order(cup=1)["number"] for _ in range(2)]
    (tmp_path / "orders").write_text("\n".join(numbers))
    asked = {"data": '{"kind": "capture", "amount": 5, "psp_reference": "one"}', "ids_from": str(tmp_path / "orders")}

    _, foretold = order("record_payment", dry_run=True, **asked)
    _, done = order("record_payment", **asked)

    assert foretold[1].startswith(f"{numbers[1]}: refused (payment_conflict). ")
    assert (foretold[1], foretold[2]) == (done[1], "1 would be done, 1 refused.")


def test_a_dry_run_of_what_is_so_already_says_that_nothing_would_change(place_order):
    placed = place_order(cup=1)

    _, lines = order("change_details", placed["number"], data='{"note": ""}', dry_run=True)

    assert lines[0] == f"{placed['number']}: nothing would change."


# --- what is asked wrongly ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("{", "--data is not what cancel takes: The body is not JSON: Input data was truncated."),
        (
            '{"cause": "boredom"}',
            "--data is not what cancel takes: /cause: Invalid enum value 'boredom'; there are: customer, staff, ",
        ),
        (
            '{"why": 1}',
            "--data is not what cancel takes: /why: Object contains unknown field `why`; there are: reason, ",
        ),
    ],
)
def test_data_that_does_not_fit_is_a_sentence_that_names_the_field(place_order, data, sentence):
    assert refusal_of("cancel", place_order(cup=1)["number"], data=data).startswith(sentence)


def test_an_unknown_operation_names_those_there_are(storefront):
    assert refusal_of("explode", "AU-1").startswith(
        "There is no operation 'explode'. There are: confirm, extend, amend"
    )


def test_what_cannot_be_meant_is_refused_before_anything_is_done(place_order):
    number = place_order(cup=1)["number"]

    assert refusal_of("confirm") == "No order is named. Give ids or numbers, or --ids-from FILE."
    assert refusal_of("confirm", number, number, version=1) == "--version is of one order: name exactly one."
    assert refusal_of("confirm", number, storefront="xx") == "There is no storefront 'xx'. There are: au."
    assert refusal_of("confirm", *["AU-1"] * 1001) == "1,001 orders are named; more than 1,000 come by --ids-from."
    assert refusal_of("delete", number, reason="x" * 401) == "The reason has 401 characters; it can have 400."
    assert refusal_of("confirm", ids_from="/nowhere").startswith("/nowhere cannot be read: ")


def test_the_list_shows_every_operation_with_its_statuses_and_scope(database):
    _, lines = order("--list")

    shown = {line.split()[0]: line for line in lines[1:]}
    assert len(shown) == 33
    assert shown["cancel"].split("  ")[0] == "cancel"
    assert "end what has not been shipped" in shown["cancel"]
    assert shown["cancel"].endswith("orders:write")
    assert "pending, confirmed " in shown["cancel"]
    assert shown["expire"].endswith("–")
