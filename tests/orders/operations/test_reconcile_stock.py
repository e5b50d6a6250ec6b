"""`manage.py reconcile_stock`: orders and reservations are compared, and put right, with either inventory."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from inventory_client.current import get_inventory
from inventory_client.faults import Fault, FaultKind
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import AskedHold, Reservation, Stock
from inventory_client.stock import set_stock_levels
from inventory_client.values import HoldRequest
from orders import operations
from orders.models import Order
from orders.operations import comparing_stock, recounting_stock
from orders.operations.comparing_stock import Difference, stock_differences
from orders.operations.repairing_stock import repair_stock
from orders.requests.operations import Units
from orders.rules.ids import new_id, new_id_at, time_of
from tests.base import perform
from tests.orders.asking import done, everything, item_ids, on_shelf, reserved
from tests.plans import statements_of


@pytest.fixture(params=["embedded", "http"])
def either_inventory(request: pytest.FixtureRequest, database: None) -> None:
    if request.param == "http":
        request.getfixturevalue("remote")


def reconcile(*arguments: str, **options: Any) -> tuple[int, list[str]]:
    """Exit code and lines."""
    out = io.StringIO()
    try:
        call_command("reconcile_stock", *arguments, stdout=out, **options)
    except CommandError as error:
        return error.returncode, out.getvalue().splitlines()
    return 0, out.getvalue().splitlines()


def compare(**options: Any) -> tuple[int, list[dict[str, Any]]]:
    code, lines = reconcile("--json", **options)
    return code, [json.loads(line) for line in lines[:-1]]


def only_difference() -> Difference:
    (difference,) = stock_differences(since=None, storefront_id=None)
    assert isinstance(difference, Difference)
    return difference


def repair() -> tuple[int, list[tuple[str, str]]]:
    """Exit code, and each difference with what became of it."""
    code, lines = reconcile("--json", "--repair")
    return code, [(line["difference"], line["repair"]["result"]) for line in map(json.loads, lines[:-1])]


def assert_all_equal() -> None:
    assert compare() == (0, [])


def state_of(order: dict[str, Any]) -> str | None:
    """The state of the reservation that the order stands on now."""
    reservation_id = Order.all_objects.get(pk=order["id"]).reservation_id
    return Reservation.objects.filter(pk=reservation_id).values_list("state", flat=True).first()


def one_of(order: dict[str, Any], product_id: str) -> Units:
    return Units(UUID(item_ids(order)[product_id]), 1)


def age_reservations(seconds: int = 3600) -> None:
    Reservation.objects.update(updated_at=timezone.now() - timedelta(seconds=seconds))
    AskedHold.objects.update(touched_at=timezone.now() - timedelta(seconds=seconds))


def inventory_loses(order: dict[str, Any]) -> None:
    """The reservation is gone and its units are free, as after the inventory came from a backup."""
    reservation = Reservation.objects.get(pk=Order.all_objects.get(pk=order["id"]).reservation_id)
    for product_id, units in zip(reservation.product_ids, reservation.quantities, strict=True):
        stock = Stock.objects.get(pk=product_id)
        Stock.objects.filter(pk=product_id).update(reserved=stock.reserved - units)
    reservation.delete()


# --- nothing differs ---------------------------------------------------------------------------------


@pytest.fixture
def healthy(either_inventory: None, place_order: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    """Orders at every point of their life, their reservations as they should be."""
    pending, confirmed, shrunk, canceled, deleted, restored, returned, closed = (
        place_order(cup=2, plate=1) for _ in range(8)
    )
    for order in (confirmed, shrunk, returned, closed):
        perform("confirm", order["id"])
    perform("cancel", shrunk["id"], items=[one_of(shrunk, "cup")])
    perform("cancel", canceled["id"])
    perform("delete", deleted["id"])
    perform("delete", restored["id"])
    perform("restore", restored["id"])
    perform("ship", returned["id"])
    perform("request_return", returned["id"], cause="unwanted")
    perform("approve_return", returned["id"])
    perform("receive_return", returned["id"])
    perform("ship", closed["id"])
    perform("complete", closed["id"])
    perform("delete", closed["id"])
    return [pending, confirmed, shrunk, canceled, deleted, restored, returned, closed]


def test_a_healthy_world_is_all_equal_and_repairing_it_changes_nothing(healthy):
    age_reservations()
    before = everything()

    code, lines = reconcile()
    repaired, _ = reconcile("--repair")

    assert (code, lines) == (0, ["0 differences, 0 of them repaired; 0 orders still to be told to the inventory."])
    assert repaired == 0
    assert everything() == before


# --- each difference ---------------------------------------------------------------------------------


def test_a_lost_reservation_is_held_again_under_its_id(either_inventory, place_order):
    pending, confirmed = place_order(cup=2), place_order(cup=3)
    perform("confirm", confirmed["id"])
    for order in (pending, confirmed):
        inventory_loses(order)

    code, found = compare()

    assert code == 1
    assert [(line["number"], line["difference"], line["found"]) for line in found] == [
        (pending["number"], "missing", {"state": "unknown", "lines": {}, "shipped": {}}),
        (confirmed["number"], "missing", {"state": "unknown", "lines": {}, "shipped": {}}),
    ]
    assert [line["expected"] for line in found] == [
        {"state": "held", "lines": {"cup": 2}, "shipped": {}},
        {"state": "confirmed", "lines": {"cup": 3}, "shipped": {}},
    ]
    assert repair() == (0, [("missing", "repaired"), ("missing", "repaired")])
    assert (state_of(pending), state_of(confirmed), reserved()) == ("held", "confirmed", {"cup": 5})
    assert_all_equal()


def test_a_released_reservation_is_replaced_by_a_new_one(either_inventory, place_order):
    pending, confirmed = place_order(cup=2), place_order(cup=3)
    perform("confirm", confirmed["id"])
    old = {order["id"]: Order.objects.get(pk=order["id"]).reservation_id for order in (pending, confirmed)}
    for reservation_id in old.values():
        get_inventory().release(reservation_id)

    code, found = compare()

    assert (code, [line["difference"] for line in found]) == (1, ["released", "released"])
    assert found[0]["remedy"] == "hold the stock under a new reservation"
    assert repair() == (0, [("released", "repaired"), ("released", "repaired")])
    assert (state_of(pending), state_of(confirmed), reserved()) == ("held", "confirmed", {"cup": 5})
    assert all(Order.objects.get(pk=order_id).reservation_id != was for order_id, was in old.items())
    assert_all_equal()


def test_a_reservation_of_other_lines_is_made_what_the_order_says(either_inventory, place_order):
    order = place_order(cup=2, plate=1)
    reservation_id = Order.objects.get().reservation_id
    # A revision that our own count does not know.
    get_inventory().hold([HoldRequest(reservation_id, {"cup": 5}, 7)])

    code, found = compare()

    assert code == 1
    assert (found[0]["difference"], found[0]["found"]) == (
        "other_lines",
        {"state": "held", "lines": {"cup": 5}, "shipped": {}},
    )
    assert repair() == (0, [("other_lines", "repaired")])
    assert (state_of(order), reserved()) == ("held", {"cup": 2, "plate": 1})
    assert_all_equal()


def test_a_hold_of_a_confirmed_order_is_confirmed(either_inventory, place_order):
    order = place_order(cup=2)
    perform("confirm", order["id"])
    Reservation.objects.update(state="held")

    code, found = compare()

    assert (code, [line["difference"] for line in found]) == (1, ["not_confirmed"])
    assert repair() == (0, [("not_confirmed", "repaired")])
    assert state_of(order) == "confirmed"
    assert_all_equal()


def test_what_somebody_else_has_repaired_since_is_left_alone(either_inventory, place_order):
    order = place_order(cup=2)
    perform("confirm", order["id"])
    Reservation.objects.update(state="held")
    difference = only_difference()

    outcomes = [repair_stock(difference).result for _ in range(2)]

    assert outcomes == ["repaired", "changed"]
    assert (state_of(order), reserved()) == ("confirmed", {"cup": 2})


@pytest.mark.parametrize(("ended_by", "state"), [("cancel", "confirmed"), ("delete", "held")])
def test_the_stock_of_an_ended_order_is_released(either_inventory, place_order, ended_by, state):
    order = place_order(cup=2)
    perform(ended_by, order["id"])
    Reservation.objects.update(state=state)
    Stock.objects.update(reserved=2)

    code, found = compare()

    assert (code, [line["difference"] for line in found]) == (1, ["not_released"])
    assert found[0]["expected"] == {"state": "released", "lines": {}, "shipped": {}}
    assert repair() == (0, [("not_released", "repaired")])
    assert (state_of(order), reserved()) == ("released", {})
    assert_all_equal()


def test_a_reservation_of_nobody_is_released(either_inventory, place_order):
    place_order(cup=2)
    held, confirmed = new_id(), new_id()
    get_inventory().hold([HoldRequest(held, {"cup": 3}), HoldRequest(confirmed, {"cup": 4})])
    get_inventory().confirm(confirmed)
    age_reservations()

    code, found = compare()

    assert code == 1
    assert sorted((line["reservation_id"], line["difference"], line["order_id"]) for line in found) == sorted(
        [(str(held), "without_order", None), (str(confirmed), "without_order", None)]
    )
    assert repair() == (0, [("without_order", "repaired"), ("without_order", "repaired")])
    assert reserved() == {"cup": 2}
    assert_all_equal()


def test_a_reservation_of_nobody_that_is_counted_too_low_is_left_until_it_is_counted_anew(storefront, stock):
    stock(cup=10)
    get_inventory().hold([HoldRequest(new_id(), {"cup": 3})])
    age_reservations()
    Stock.objects.update(reserved=1)

    code, lines = reconcile("--repair", "--since", "1")
    counted_anew, _ = reconcile("--repair")

    assert code == 1
    assert "Not released. The inventory counts fewer units as reserved than are to be given back." in lines[0]
    assert (counted_anew, reserved()) == (0, {})


def test_a_reservation_this_service_has_no_record_of_asking_for_is_released_too(remote, storefront, stock):
    stock(cup=10)
    reservation_id = new_id()
    get_inventory().hold([HoldRequest(reservation_id, {"cup": 3})])
    age_reservations()
    AskedHold.objects.all().delete()

    assert repair() == (0, [("without_order", "repaired")])
    assert reserved() == {}


# --- words and exit codes ----------------------------------------------------------------------------


def test_a_line_says_which_order_what_is_expected_and_found_and_what_repair_would_do(place_order):
    order = place_order(cup=2)
    perform("confirm", order["id"])
    Reservation.objects.update(state="held")
    reservation_id = Order.objects.get().reservation_id

    code, lines = reconcile()

    assert (code, lines) == (
        1,
        [
            f"not_confirmed: order {order['number']}, reservation {reservation_id}: expected confirmed 2 × cup, "
            "found held 2 × cup. --repair would confirm the reservation.",
            "1 differences, 0 of them repaired; 0 orders still to be told to the inventory.",
        ],
    )


def test_without_repair_nothing_is_changed(either_inventory, place_order):
    lost, released, ended = (place_order(cup=2) for _ in range(3))
    inventory_loses(lost)
    get_inventory().release(Order.objects.get(pk=released["id"]).reservation_id)
    Order.objects.filter(pk=ended["id"]).update(status="canceled", cancel_reason="other")
    get_inventory().hold([HoldRequest(new_id(), {"cup": 3})])
    age_reservations()
    before = everything()

    code, found = compare()

    assert (code, len(found)) == (1, 4)
    assert everything() == before


def test_an_inventory_that_cannot_be_asked_is_a_sentence(place_order, settings):
    place_order(cup=1)
    settings.INVENTORY_URL = "http://127.0.0.1:9"

    with pytest.raises(CommandError) as raised:
        call_command("reconcile_stock", stdout=io.StringIO())

    assert raised.value.returncode == 2
    assert str(raised.value).startswith("The inventory cannot be asked: ")


def test_an_unknown_storefront_is_a_sentence(storefront):
    with pytest.raises(CommandError, match=r"^There is no storefront 'xx'. There are: au\.$") as raised:
        call_command("reconcile_stock", storefront="xx")

    assert raised.value.returncode == 2


# --- what is no difference ---------------------------------------------------------------------------


def test_what_is_still_to_be_told_is_told_apart(place_order, settings):
    order = place_order(cup=2)
    settings.INVENTORY_URL = "http://127.0.0.1:9"
    perform("confirm", order["id"])
    settings.INVENTORY_URL = ""

    code, lines = reconcile("--repair")
    _, found = compare()

    assert (code, lines[-1]) == (0, "0 differences, 0 of them repaired; 1 orders still to be told to the inventory.")
    assert lines[0].startswith(f"still to tell: order {order['number']}, ")
    assert found[0]["still_to_tell"] == "confirm"
    assert state_of(order) == "held"


def test_what_is_gone_is_a_difference_whatever_it_was_to_be_told(either_inventory, place_order):
    """The sweeper could repeat a confirmation of nothing for ever."""
    order = place_order(cup=2)
    inventory_loses(order)
    perform("confirm", order["id"])
    still_waiting = operations.settle_orders()

    repaired = repair()

    assert (still_waiting, repaired) == ((0, 1), (0, [("missing", "repaired")]))
    assert (state_of(order), reserved()) == ("confirmed", {"cup": 2})
    assert Order.objects.get().stock_action is None


def test_a_hold_that_is_young_may_be_getting_its_order_this_moment(either_inventory, storefront, stock, settings):
    settings.HOLD_GRACE_SECONDS = 120
    stock(cup=10)
    get_inventory().hold([HoldRequest(new_id(), {"cup": 3})])

    assert_all_equal()
    assert repair() == (0, [])
    assert reserved() == {"cup": 3}


def test_imported_orders_hold_no_stock_and_are_left_alone(place_order):
    place_order(cup=1)
    inventory_loses({"id": Order.objects.get().pk})
    Order.objects.update(reservation_id=None)

    assert_all_equal()


@pytest.mark.parametrize("change", ["confirm", "cancel", "cancel a part", "delete"])
def test_a_change_while_it_compares_is_no_difference(either_inventory, place_order, change):
    lost, changed = place_order(cup=1), place_order(cup=2)
    inventory_loses(lost)
    differences = stock_differences(since=None, storefront_id=None)

    first = next(differences)  # both orders have been read; the second is not compared yet
    if change == "cancel a part":
        perform("cancel", changed["id"], items=[one_of(changed, "cup")])
    else:
        perform(change, changed["id"])

    assert isinstance(first, Difference)
    assert first.number == lost["number"]
    assert list(differences) == []


def test_an_order_that_changed_after_it_was_compared_is_not_repaired(place_order, monkeypatch):
    order = place_order(cup=2)
    Order.objects.filter(pk=order["id"]).update(status="canceled", cancel_reason="other")
    difference = only_difference()
    Order.objects.filter(pk=order["id"]).update(status="pending", cancel_reason=None, version=2)

    outcome = repair_stock(difference)

    assert outcome.result == "changed"
    assert (state_of(order), reserved()) == ("held", {"cup": 2})


def test_an_order_that_is_deleted_while_it_is_repaired_gets_no_stock(remote, place_order):
    """Its reservation is gone as well, so that another one was to take its place."""
    order = place_order(cup=2)
    reservation_id = Order.objects.get().reservation_id
    get_inventory().hold([HoldRequest(reservation_id, {"cup": 5}, 7)])
    difference = only_difference()
    EmbeddedLedger(hold_grace_seconds=60).release(reservation_id)  # behind the back of this service
    adjustments = []

    def delete_at_the_second(environ: Any, start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "PUT":
            adjustments.append(environ["PATH_INFO"])
            if len(adjustments) == 2:
                perform("delete", order["id"])
                connection.close()  # this thread's own
        return remote.faults(environ, start_response)

    remote.set_app(delete_at_the_second)

    outcome = repair_stock(difference)

    assert outcome.result == "changed"
    assert (len(adjustments), reserved()) == (2, {})
    assert_all_equal()


def test_a_reservation_that_has_found_its_order_since_is_not_released(place_order):
    place_order(cup=2)
    reservation_id = Order.objects.get().reservation_id
    age_reservations()
    Order.objects.update(reservation_id=None)
    difference = only_difference()
    Order.objects.update(reservation_id=reservation_id)

    outcome = repair_stock(difference)

    assert outcome.result == "changed"
    assert reserved() == {"cup": 2}


def test_a_reservation_that_was_touched_since_is_not_released(either_inventory, storefront, stock):
    stock(cup=10)
    request = HoldRequest(new_id(), {"cup": 3})
    get_inventory().hold([request])
    age_reservations()
    difference = only_difference()
    get_inventory().hold([request])

    outcome = repair_stock(difference)

    assert outcome.result == "changed"
    assert reserved() == {"cup": 3}


def test_a_confirmed_reservation_on_which_an_order_is_being_written_is_not_released(
    either_inventory, storefront, stock, settings
):
    stock(cup=10)
    reservation_id = new_id()
    get_inventory().hold([HoldRequest(reservation_id, {"cup": 3})])
    get_inventory().confirm(reservation_id)
    age_reservations()
    difference = only_difference()
    if settings.INVENTORY_URL:  # where a placement writes down what it asks for, and owns that
        AskedHold.objects.create(id=reservation_id, state="asked", touched_at=timezone.now())
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("select inventory_own(%s)", [[reservation_id]])

        outcome = repair_stock(difference)
    finally:
        other.close()

    assert outcome.result == "changed"
    assert reserved() == {"cup": 3}


# --- what repair cannot do ---------------------------------------------------------------------------


def test_an_order_whose_stock_is_gone_needs_a_decision(either_inventory, place_order):
    lost, released, short = place_order(cup=2), place_order(cup=3), place_order(cup=4)
    for order in (lost, released):
        inventory_loses(order)
    get_inventory().release(Order.objects.get(pk=released["id"]).reservation_id)
    get_inventory().hold([HoldRequest(Order.objects.get(pk=short["id"]).reservation_id, {"cup": 1}, 2)])
    set_stock_levels({"cup": 1})

    code, found = repair()
    _, lines = reconcile("--repair")

    assert (code, found) == (
        1,
        [("missing", "out_of_stock"), ("released", "out_of_stock"), ("other_lines", "out_of_stock")],
    )
    assert lines[0].endswith(
        "Needs a decision, the stock is gone: Not enough stock: cup (2 wanted, 0 available). Amend or cancel the "
        "order, or restock and repair again."
    )
    assert reserved() == {"cup": 1}
    assert set(Order.objects.values_list("stock_action", flat=True)) == {None}
    set_stock_levels({"cup": 100})
    assert repair()[0] == 0
    assert reserved() == {"cup": 9}
    assert_all_equal()


def test_an_inventory_that_fails_half_way_leaves_the_rest_to_the_sweeper(place_order, remote):
    order = place_order(cup=2)
    inventory_loses(order)
    remote.application.add(*[Fault(FaultKind.UNAVAILABLE, method="PUT")] * 8)

    code, found = repair()
    remote.application.clear()

    assert (code, found) == (1, [("missing", "waits")])
    assert operations.settle_orders() == (1, 0)
    assert (state_of(order), reserved()) == ("held", {"cup": 2})
    assert_all_equal()


def test_an_order_that_others_are_changing_is_left_alone(place_order):
    order = place_order(cup=2)
    perform("confirm", order["id"])
    Reservation.objects.update(state="held")
    difference = only_difference()
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("select from orders_order for update")
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '50ms'")

        outcome = repair_stock(difference)
    finally:
        other.close()

    assert outcome.result == "busy"
    assert state_of(order) == "held"


# --- which orders ------------------------------------------------------------------------------------


def test_a_storefront_alone_and_recent_orders_alone(place_order, client_of, other_storefront):
    ours = place_order(cup=1)
    response = client_of(other_storefront).post(
        "/api/v1/orders",
        {"customer_id": "c", "items": [{"product_id": "cup", "quantity": 1}]},
        content_type="application/json",
    )
    theirs = response.json()
    get_inventory().hold([HoldRequest(new_id(), {"cup": 3})])
    age_reservations()
    for order in (ours, theirs):
        inventory_loses(order)

    assert [line["number"] for line in compare(storefront="nz")[1]] == [theirs["number"]]
    assert [line["difference"] for line in compare()[1]] == ["missing", "missing", "without_order"]


def test_an_old_order_is_compared_when_its_reservation_has_changed_lately(place_order):
    lost, released = place_order(cup=1), place_order(cup=1)
    old = timezone.now() - timedelta(days=30)
    age_reservations(10 * 86_400)
    inventory_loses(lost)
    get_inventory().release(Order.objects.get(pk=released["id"]).reservation_id)
    age = timezone.now() - timedelta(hours=1)
    Reservation.objects.filter(state="released").update(updated_at=age)
    with connection.cursor() as cursor:
        for order in (lost, released):
            cursor.execute(
                "update orders_orderitem set order_id = %s where order_id = %s", [new_id_at(old), order["id"]]
            )
            cursor.execute(
                "update orders_order set id = (select order_id from orders_orderitem item where item.id = %s) "
                "where id = %s",
                [order["items"][0]["id"], order["id"]],
            )

    assert [(line["number"], line["difference"]) for line in compare(since=2)[1]] == [(released["number"], "released")]
    assert {line["number"] for line in compare()[1]} == {lost["number"], released["number"]}


def test_it_works_through_more_orders_and_reservations_than_fit_in_a_batch(place_order, monkeypatch):
    monkeypatch.setattr(comparing_stock, "_ORDERS_AT_ONCE", 2)
    orders = [place_order(cup=1) for _ in range(5)]
    for order in orders:
        inventory_loses(order)

    code, found = repair()

    assert (code, found) == (0, [("missing", "repaired")] * 5)
    assert_all_equal()


def test_the_ledger_is_asked_once_for_all_orders_of_a_batch(place_order):
    asked = []
    for more in (1, 9):
        for _ in range(more):
            place_order(cup=1)
        age_reservations()
        asked.append(statements_of(assert_all_equal))

    assert asked[0] == asked[1]


def test_older_orders_whose_reservations_have_changed_are_compared_together(place_order, settings):
    orders = [place_order(cup=1) for _ in range(10)]
    settings.HOLD_GRACE_SECONDS = 0
    placed_until = time_of(UUID(orders[-1]["id"])) + timedelta(milliseconds=1)
    asked = []
    for confirmed in (orders[:1], orders[1:]):
        for order in confirmed:
            perform("confirm", order["id"])
        asked.append(statements_of(lambda: list(stock_differences(since=placed_until, storefront_id=None))))

    assert asked[0] == asked[1]


# --- what the embedded ledger counts ---------------------------------------------------------------------


@pytest.mark.parametrize(("error", "counted"), [(5, 7), (-1, 1)])
def test_reserved_units_that_no_reservation_holds_are_counted_anew(place_order, error, counted):
    place_order(cup=2, plate=1)
    Stock.objects.filter(pk="cup").update(reserved=2 + error)

    code, found = compare()
    _, lines = reconcile()

    assert (code, found) == (
        1,
        [
            {
                "difference": "miscounted",
                "product_id": "cup",
                "order_id": None,
                "number": None,
                "reservation_id": None,
                "expected": {"reserved": 2, "shipped": 0},
                "found": {"reserved": counted, "shipped": 0},
                "remedy": "count its reserved and shipped units anew",
                "repair": None,
            }
        ],
    )
    assert lines[0] == (
        f"miscounted: product cup: expected 2 reserved, found {counted} reserved. "
        "--repair would count its reserved and shipped units anew."
    )
    assert reserved() == {"cup": counted, "plate": 1}
    assert repair() == (0, [("miscounted", "repaired")])
    assert reserved() == {"cup": 2, "plate": 1}
    assert_all_equal()


def test_a_product_that_has_lost_its_stock_row_is_added_with_what_is_reserved(place_order):
    place_order(cup=2)
    Stock.objects.all().delete()

    code, found = compare()
    _, lines = reconcile("--repair")

    assert (code, [(line["difference"], line["expected"], line["found"]) for line in found]) == (
        1,
        [("not_counted", {"reserved": 2, "shipped": 0}, {"reserved": None, "shipped": None})],
    )
    assert lines[0] == (
        "not_counted: product cup: expected 2 reserved, found no stock row. Repaired. Set the product's level: until "
        "then it has none to sell."
    )
    assert Stock.objects.values_list("on_hand", "reserved").get() == (2, 2)
    assert_all_equal()


def test_more_units_promised_than_there_are_need_a_decision(place_order):
    place_order(cup=2)
    Stock.objects.update(reserved=0)
    set_stock_levels({"cup": 1})

    code, lines = reconcile("--repair")

    assert code == 1
    assert lines[0].endswith(
        "Needs a decision: 1 more units are promised than there are on hand. Nothing more of it is sold until that is "
        "mended. Restock, or amend or cancel orders."
    )
    assert reserved() == {"cup": 2}
    assert_all_equal()
    set_stock_levels({"cup": 5})
    assert Stock.objects.values_list("on_hand", "reserved", "oversold").get() == (5, 2, 0)


def test_it_counts_more_products_than_fit_on_a_page(place_order, monkeypatch):
    monkeypatch.setattr(recounting_stock, "_AT_ONCE", 2)
    place_order(cup=1, plate=1, bowl=1, spoon=1, fork=1)
    Stock.objects.filter(pk__in=["cup", "fork"]).delete()
    Stock.objects.update(reserved=5)

    _, found = compare()

    assert [line["product_id"] for line in found] == ["bowl", "cup", "fork", "plate", "spoon"]
    assert repair() == (0, [(line["difference"], "repaired") for line in found])
    assert set(Stock.objects.values_list("reserved", flat=True)) == {1}


def test_counts_that_others_are_at_work_on_are_left_alone(place_order):
    place_order(cup=2)
    Stock.objects.update(reserved=7)
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("select from inventory_stock for update")
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '50ms'")

        code, found = repair()
    finally:
        other.close()
        connection.close()  # and with it the short timeout

    assert (code, found) == (1, [("miscounted", "busy")])
    assert reserved() == {"cup": 7}


def test_counts_are_everybodys_and_asked_for_only_where_the_ledger_is_the_inventory(place_order, storefront, request):
    place_order(cup=2)
    Stock.objects.update(reserved=7)

    assert (compare(storefront="au"), compare(since=2)) == ((0, []), (0, []))
    request.getfixturevalue("remote")
    assert compare() == (0, [])


# --- a revision of which the order does not know ------------------------------------------------------------


def test_a_later_revision_than_the_orders_is_gone_on_from(either_inventory, place_order):
    order = place_order(cup=2)
    perform("confirm", order["id"])
    get_inventory().hold([HoldRequest(Order.objects.get().reservation_id, {"cup": 2}, 9)])

    code, found = compare()

    assert (code, [line["difference"] for line in found]) == (1, ["later_revision"])
    assert repair() == (0, [("later_revision", "repaired")])
    assert_all_equal()
    perform("cancel", order["id"], items=[one_of(order, "cup")])
    assert (Order.objects.get().stock_action, reserved()) == (None, {"cup": 1})


def test_units_that_have_left_and_of_which_the_inventory_was_never_told_are_told(either_inventory, api, place_order):
    order = place_order(cup=3)
    done(api, order["id"], "confirm")
    done(api, order["id"], "ship")
    Reservation.objects.update(shipped=[])
    Stock.objects.update(on_hand=1000, reserved=3, shipped=0)

    code, (found,) = compare()

    assert (code, found["difference"]) == (1, "other_shipped")
    assert found["expected"] == {"state": "confirmed", "lines": {"cup": 3}, "shipped": {"cup": 3}}
    assert found["found"] == {"state": "confirmed", "lines": {"cup": 3}, "shipped": {}}
    assert str(only_difference().expected) == "confirmed 3 × cup (3 shipped)"
    assert repair() == (0, [("other_shipped", "repaired")])
    assert on_shelf() == {"cup": (997, 0)}
    assert_all_equal()


def test_a_lost_reservation_of_a_shipped_order_is_held_again_without_what_left(either_inventory, api, place_order):
    order = place_order(cup=3)
    done(api, order["id"], "confirm")
    done(api, order["id"], "ship")
    get_inventory().release(Order.objects.get().reservation_id)
    released = on_shelf()

    assert repair() == (0, [("released", "repaired")])

    assert (released, on_shelf()) == ({"cup": (1000, 0)}, {"cup": (997, 0)})
    assert_all_equal()
