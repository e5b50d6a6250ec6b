"""What every inventory does: the embedded ledger, and the HTTP client with the reference service behind."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from inventory_client import database
from inventory_client.errors import (
    ReservationInUse,
    ReservationMismatch,
    ReservationNotHeld,
    ReservationReleased,
    StockMiscounted,
    StockShortage,
    UnknownProduct,
)
from inventory_client.models import Stock
from inventory_client.stock import set_stock_levels
from inventory_client.values import Held, HoldRequest, ReservationState, ShortLine
from tests.interrupting import interrupted_before

A = UUID("01920000-0000-7000-8000-00000000000a")
B = UUID("01920000-0000-7000-8000-00000000000b")
C = UUID("01920000-0000-7000-8000-00000000000c")
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _stock(transactional_db):
    set_stock_levels({"cup": 5, "plate": 3, "bowl": 0})


def test_holds_the_stock_of_an_order(inventory, reserved, database_now):
    (held,) = inventory.hold([HoldRequest(A, {"plate": 1, "cup": 2})])

    assert isinstance(held, Held)
    assert (held.reservation_id, held.joined) == (A, False)
    assert database_now() + 55 * SECOND < held.valid_until < database_now() + 61 * SECOND
    assert reserved() == {"cup": 2, "plate": 1}


def test_nothing_asked_is_nothing_held(inventory, reserved):
    assert inventory.hold([]) == []

    assert reserved() == {}


def test_the_same_hold_again_joins_it(inventory, reserved):
    inventory.hold([HoldRequest(A, {"plate": 1, "cup": 2})])

    (again,) = inventory.hold([HoldRequest(A, {"cup": 2, "plate": 1})])

    assert again.joined is True
    assert reserved() == {"cup": 2, "plate": 1}


def test_names_every_short_line_and_holds_nothing(inventory, reserved):
    (outcome,) = inventory.hold([HoldRequest(A, {"bowl": 1, "cup": 1, "plate": 4})])

    assert isinstance(outcome, StockShortage)
    assert outcome.lines == [ShortLine("bowl", 1, 0), ShortLine("plate", 4, 3)]
    assert reserved() == {}


def test_names_every_unknown_product_and_holds_nothing(inventory, reserved):
    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 1, "spoon": 1, "fork": 1, "bowl": 1})])

    assert isinstance(outcome, UnknownProduct)
    assert outcome.product_ids == ["fork", "spoon"]
    assert reserved() == {}


def test_what_is_counted_too_low_cannot_be_given_back_and_says_so(inventory, reserved):
    inventory.hold([HoldRequest(A, {"cup": 3, "plate": 1})])
    Stock.objects.filter(pk="cup").update(reserved=1)

    (fewer,) = inventory.hold([HoldRequest(A, {"cup": 1, "plate": 1}, 2)])
    with pytest.raises(StockMiscounted, match="fewer units as reserved than are to be given back"):
        inventory.release(A)

    assert isinstance(fewer, StockMiscounted)
    assert inventory.get(A).lines == {"cup": 3, "plate": 1}
    assert reserved() == {"cup": 1, "plate": 1}


def test_the_last_units_can_be_held(inventory, reserved):
    (first,) = inventory.hold([HoldRequest(A, {"cup": 5})])
    (second,) = inventory.hold([HoldRequest(B, {"cup": 1})])

    assert isinstance(first, Held)
    assert isinstance(second, StockShortage)
    assert second.lines == [ShortLine("cup", 1, 0)]
    assert reserved() == {"cup": 5}


def test_a_refused_hold_may_be_tried_again_when_there_is_stock(inventory, reserved):
    inventory.hold([HoldRequest(A, {"bowl": 1})])
    set_stock_levels({"bowl": 1})

    (outcome,) = inventory.hold([HoldRequest(A, {"bowl": 1})])

    assert isinstance(outcome, Held)
    assert reserved() == {"bowl": 1}


def test_each_request_of_a_batch_has_its_own_outcome_in_their_order(inventory, reserved):
    inventory.release(C)

    outcomes = inventory.hold(
        [
            HoldRequest(B, {"cup": 2, "plate": 1}),
            HoldRequest(uuid4(), {"bowl": 1}),
            HoldRequest(A, {"cup": 3}),
            HoldRequest(uuid4(), {"spoon": 1}),
            HoldRequest(C, {"cup": 1}),
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [
        Held,
        StockShortage,
        Held,
        UnknownProduct,
        ReservationReleased,
    ]
    assert [outcomes[0].reservation_id, outcomes[2].reservation_id] == [B, A]
    assert reserved() == {"cup": 5, "plate": 1}


def test_a_batch_never_holds_more_than_there_is(inventory, reserved):
    outcomes = inventory.hold([HoldRequest(uuid4(), {"cup": 2}) for _ in range(4)])

    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "Held",
        "Held",
        "StockShortage",
        "StockShortage",
    ]
    assert reserved() == {"cup": 4}


def test_a_batch_is_served_in_the_order_of_its_requests(inventory, reserved):
    wanted = [{"cup": 2}, {"plate": 2, "cup": 2}, {"cup": 2}, {"plate": 1}, {"plate": 1, "cup": 1}, {"cup": 1}]

    outcomes = inventory.hold([HoldRequest(uuid4(), lines) for lines in wanted])

    assert [type(outcome) for outcome in outcomes] == [Held, Held, StockShortage, Held, StockShortage, Held]
    assert reserved() == {"cup": 5, "plate": 3}


def test_the_same_revision_with_other_lines_is_a_mismatch(inventory, reserved):
    inventory.hold([HoldRequest(A, {"cup": 2})])

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 3})])

    assert isinstance(outcome, ReservationMismatch)
    assert reserved() == {"cup": 2}


def test_a_higher_revision_makes_it_exactly_the_new_lines(inventory, reserved):
    inventory.hold([HoldRequest(A, {"cup": 4, "plate": 1})])

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 5, "plate": 1}, revision=2)])
    (shrunk,) = inventory.hold([HoldRequest(A, {"plate": 3}, revision=3)])

    assert isinstance(outcome, Held)
    assert isinstance(shrunk, Held)
    assert reserved() == {"plate": 3}
    assert inventory.get(A).lines == {"plate": 3}
    assert inventory.get(A).revision == 3


def test_a_higher_revision_that_is_short_leaves_the_reservation_as_it_was(inventory, reserved):
    inventory.hold([HoldRequest(A, {"cup": 2})])
    inventory.hold([HoldRequest(B, {"cup": 1})])

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 5, "plate": 1}, revision=2)])

    assert isinstance(outcome, StockShortage)
    assert outcome.lines == [ShortLine("cup", 5, 4)]
    assert inventory.get(A).lines == {"cup": 2}
    assert reserved() == {"cup": 3}


def test_an_older_revision_is_a_mismatch(inventory, reserved):
    inventory.hold([HoldRequest(A, {"cup": 1}, revision=2)])

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 1}, revision=1)])

    assert isinstance(outcome, ReservationMismatch)
    assert reserved() == {"cup": 1}


def test_a_confirmed_reservation_can_be_amended_and_stays_confirmed(inventory, reserved):
    inventory.hold([HoldRequest(A, {"cup": 1})])
    inventory.confirm(A)

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 2}, revision=2)])

    assert isinstance(outcome, Held)
    assert inventory.get(A).state == ReservationState.CONFIRMED
    assert reserved() == {"cup": 2}


def test_releasing_gives_the_stock_back_once(inventory, reserved):
    inventory.hold([HoldRequest(A, {"cup": 2}), HoldRequest(B, {"cup": 1})])

    inventory.release(A)
    inventory.release(A)

    assert reserved() == {"cup": 1}
    assert inventory.get(A).state == ReservationState.RELEASED


def test_a_released_reservation_cannot_hold_again(inventory, reserved):
    inventory.hold([HoldRequest(A, {"cup": 2})])
    inventory.release(A)

    (same,) = inventory.hold([HoldRequest(A, {"cup": 2})])
    (later,) = inventory.hold([HoldRequest(A, {"cup": 2}, revision=2)])

    assert isinstance(same, ReservationReleased)
    assert isinstance(later, ReservationReleased)
    assert reserved() == {}


def test_a_hold_that_arrives_after_its_release_holds_nothing(inventory, reserved):
    inventory.release(A)

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 2})])

    assert isinstance(outcome, ReservationReleased)
    assert reserved() == {}


def test_shipping_takes_units_off_what_is_on_hand_and_what_is_reserved(inventory, on_shelf):
    inventory.hold([HoldRequest(A, {"cup": 3, "plate": 1})])

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 3, "plate": 1}, 2, shipped={"cup": 2})])

    assert isinstance(outcome, Held)
    assert on_shelf() == {"bowl": (0, 0), "cup": (3, 1), "plate": (3, 1)}
    reservation = inventory.get(A)
    assert (reservation.lines, reservation.shipped) == ({"cup": 3, "plate": 1}, {"cup": 2})


def test_the_same_shipment_told_again_joins_it_and_one_told_late_changes_nothing(inventory, on_shelf):
    inventory.hold([HoldRequest(A, {"cup": 3})])
    inventory.hold([HoldRequest(A, {"cup": 3}, 2, shipped={"cup": 1})])
    shipped = HoldRequest(A, {"cup": 3}, 3, shipped={"cup": 3})
    inventory.hold([shipped])

    (again,) = inventory.hold([shipped])
    (late,) = inventory.hold([HoldRequest(A, {"cup": 3}, 2, shipped={"cup": 1})])
    (other,) = inventory.hold([HoldRequest(A, {"cup": 3}, 3, shipped={"cup": 2})])

    assert (again.joined, type(late), type(other)) == (True, ReservationMismatch, ReservationMismatch)
    assert on_shelf()["cup"] == (2, 0)


def test_what_is_shipped_is_not_short_when_there_is_none_left_for_others(inventory, on_shelf):
    inventory.hold([HoldRequest(A, {"cup": 5})])

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 5}, 2, shipped={"cup": 5})])
    (short,) = inventory.hold([HoldRequest(B, {"cup": 1})])

    assert isinstance(outcome, Held)
    assert isinstance(short, StockShortage)
    assert short.lines == [ShortLine("cup", 1, 0)]
    assert on_shelf()["cup"] == (0, 0)


def test_a_shipment_that_is_undone_puts_its_units_back_for_the_same_order(inventory, on_shelf):
    inventory.hold([HoldRequest(A, {"cup": 4}, 1, shipped={"cup": 3})])

    inventory.hold([HoldRequest(A, {"cup": 4}, 2)])
    (short,) = inventory.hold([HoldRequest(B, {"cup": 2})])

    assert on_shelf()["cup"] == (5, 4)
    assert isinstance(short, StockShortage)


def test_units_that_come_back_to_the_shelf_can_be_sold_again(inventory, on_shelf):
    inventory.hold([HoldRequest(A, {"cup": 5}, 1, shipped={"cup": 5})])

    inventory.hold([HoldRequest(A, {"cup": 3}, 2, shipped={"cup": 3})])
    (held,) = inventory.hold([HoldRequest(B, {"cup": 2})])

    assert isinstance(held, Held)
    assert on_shelf()["cup"] == (2, 2)


def test_units_that_are_canceled_after_others_left_are_free(inventory, on_shelf):
    inventory.hold([HoldRequest(A, {"cup": 5}, 1, shipped={"cup": 2})])

    inventory.hold([HoldRequest(A, {"cup": 2}, 2, shipped={"cup": 2})])

    assert on_shelf()["cup"] == (3, 0)


def test_more_units_than_are_free_are_short_whatever_has_been_shipped(inventory, on_shelf):
    inventory.hold([HoldRequest(A, {"cup": 4}, 1, shipped={"cup": 2}), HoldRequest(B, {"cup": 1})])

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 5}, 2, shipped={"cup": 3})])

    assert isinstance(outcome, StockShortage)
    assert outcome.lines == [ShortLine("cup", 5, 4)]
    assert (inventory.get(A).lines, inventory.get(A).shipped) == ({"cup": 4}, {"cup": 2})
    assert on_shelf()["cup"] == (3, 3)


def test_when_all_units_are_back_the_released_reservation_leaves_all_on_hand(inventory, on_shelf):
    inventory.hold([HoldRequest(A, {"cup": 3, "plate": 1}, 1, shipped={"cup": 3})])

    inventory.release(A)
    inventory.release(A)

    assert on_shelf() == {"bowl": (0, 0), "cup": (5, 0), "plate": (3, 0)}


def test_a_batch_keeps_apart_what_each_order_has_shipped(inventory, on_shelf):
    inventory.hold([HoldRequest(A, {"cup": 2}), HoldRequest(C, {"plate": 1}, 1, shipped={"plate": 1})])

    inventory.hold(
        [
            HoldRequest(A, {"cup": 2, "plate": 1}, 2, shipped={"cup": 1}),
            HoldRequest(B, {"cup": 1}),
            HoldRequest(C, {"plate": 1}, 2),
        ]
    )

    assert on_shelf() == {"bowl": (0, 0), "cup": (4, 2), "plate": (3, 2)}
    assert [inventory.get(each).shipped for each in (A, B, C)] == [{"cup": 1}, {}, {}]


def test_what_is_counted_too_low_cannot_be_shipped_and_says_so(inventory, on_shelf):
    inventory.hold([HoldRequest(A, {"cup": 3})])
    Stock.objects.filter(pk="cup").update(reserved=1)

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 3}, 2, shipped={"cup": 2})])

    assert isinstance(outcome, StockMiscounted)
    assert on_shelf()["cup"] == (5, 1)


def test_confirming_twice_is_harmless(inventory, reserved):
    inventory.hold([HoldRequest(A, {"cup": 2})])

    inventory.confirm(A)
    inventory.confirm(A)

    assert inventory.get(A).state == ReservationState.CONFIRMED
    assert reserved() == {"cup": 2}


def test_a_confirmed_reservation_can_be_released(inventory, reserved):
    inventory.hold([HoldRequest(A, {"cup": 2})])
    inventory.confirm(A)

    inventory.release(A)

    assert reserved() == {}


def test_what_is_released_or_unknown_cannot_be_confirmed(inventory):
    inventory.release(A)

    with pytest.raises(ReservationNotHeld) as released:
        inventory.confirm(A)
    with pytest.raises(ReservationNotHeld) as unknown:
        inventory.confirm(B)

    assert (released.value.state, unknown.value.state) == ("released", "unknown")


def test_reads_a_reservation(inventory, database_now):
    inventory.hold([HoldRequest(A, {"plate": 1, "cup": 2}, revision=4)])

    reservation = inventory.get(A)

    assert (reservation.reservation_id, reservation.state, reservation.revision) == (A, "held", 4)
    assert reservation.lines == {"cup": 2, "plate": 1}
    assert database_now() - 10 * SECOND < reservation.updated_at <= database_now()
    assert inventory.get(B) is None


def test_lists_what_changed_since_oldest_change_first(inventory, database_now):
    inventory.hold([HoldRequest(A, {"cup": 1})])
    since = database_now()
    inventory.hold([HoldRequest(B, {"cup": 1})])
    inventory.release(C)
    inventory.confirm(B)

    changed = inventory.changed_since(since)

    assert [(reservation.reservation_id, reservation.state) for reservation in changed] == [
        (C, "released"),
        (B, "confirmed"),
    ]
    assert [reservation.reservation_id for reservation in inventory.changed_since(since, limit=1)] == [C]


def test_untouched_holds_are_listed_until_they_end(inventory, database_now):
    inventory.hold([HoldRequest(A, {"cup": 1})])
    inventory.hold([HoldRequest(B, {"cup": 1})])
    inventory.hold([HoldRequest(C, {"cup": 1})])
    inventory.confirm(B)
    inventory.release(C)
    now = database_now()

    listed = inventory.untouched_holds(after=now - HOUR, before=now)

    assert [reservation_id for reservation_id, _ in listed] == [A]
    assert inventory.untouched_holds(after=now, before=now + HOUR) == []
    assert inventory.untouched_holds(after=now - 2 * HOUR, before=now - HOUR) == []


def test_a_page_of_untouched_holds_never_parts_a_batch(inventory, database_now):
    inventory.hold([HoldRequest(A, {"cup": 1}), HoldRequest(B, {"cup": 1})])
    inventory.hold([HoldRequest(C, {"cup": 1})])
    now = database_now()

    page = inventory.untouched_holds(after=now - HOUR, before=now, limit=1)
    rest = inventory.untouched_holds(after=page[-1][1], before=now, limit=1)

    assert sorted(reservation_id for reservation_id, _ in page) == [A, B]
    assert [reservation_id for reservation_id, _ in rest] == [C]


def test_releases_a_hold_that_nobody_touched(inventory, reserved, database_now):
    inventory.hold([HoldRequest(A, {"cup": 1})])
    now = database_now()

    assert inventory.release_untouched(A, before=now) is True
    assert inventory.release_untouched(A, before=now) is True

    assert reserved() == {}
    assert inventory.untouched_holds(after=now - HOUR, before=now + HOUR) == []
    (late,) = inventory.hold([HoldRequest(A, {"cup": 1})])
    assert isinstance(late, ReservationReleased)


def test_a_hold_touched_meanwhile_is_not_released(inventory, reserved, database_now):
    inventory.hold([HoldRequest(A, {"cup": 1})])
    before = database_now()
    inventory.hold([HoldRequest(A, {"cup": 1})])

    assert inventory.release_untouched(A, before=before) is False

    assert reserved() == {"cup": 1}


def test_an_untouched_hold_that_an_order_stands_on_is_not_released(inventory, reserved, database_now):
    inventory.hold([HoldRequest(A, {"cup": 1})])
    now = database_now()

    assert inventory.release_untouched(A, before=now, unless=lambda: True) is False
    assert reserved() == {"cup": 1}
    assert inventory.release_untouched(A, before=now, unless=lambda: False) is True
    assert reserved() == {}


def test_a_confirmed_or_unknown_hold_is_not_released_as_untouched(inventory, reserved, database_now):
    inventory.hold([HoldRequest(A, {"cup": 1})])
    inventory.confirm(A)

    assert inventory.release_untouched(A, before=database_now()) is False
    assert inventory.release_untouched(B, before=database_now()) is False

    assert reserved() == {"cup": 1}


@pytest.mark.parametrize("confirmed", [False, True], ids=["held", "confirmed"])
def test_releases_what_nobody_owns_unless_an_order_stands_on_it(inventory, reserved, database_now, confirmed):
    inventory.hold([HoldRequest(A, {"cup": 1})])
    if confirmed:
        inventory.confirm(A)

    standing = inventory.release_ownerless(A, unless=lambda: True)
    kept = reserved()
    (joined,) = inventory.hold([HoldRequest(A, {"cup": 1})])
    ownerless = inventory.release_ownerless(A, unless=lambda: False)

    assert (standing, kept) == (False, {"cup": 1})
    assert joined.joined
    assert (ownerless, reserved()) == (True, {})
    assert inventory.untouched_holds(after=database_now() - HOUR, before=database_now()) == []


def test_what_a_transaction_owns_at_this_moment_is_in_use(inventory, reserved, other_session):
    request = HoldRequest(A, {"cup": 1})
    inventory.hold([request])
    inventory.confirm(A)
    inventory.hold([request])
    other_session.execute("select inventory_own(%s)", [[A]])

    with pytest.raises(ReservationInUse):
        inventory.release_ownerless(A, unless=lambda: False)

    assert reserved() == {"cup": 1}


def test_forgets_what_ended_and_keeps_what_holds(inventory, reserved, database_now):
    inventory.hold([HoldRequest(A, {"cup": 1})])
    inventory.hold([HoldRequest(B, {"cup": 2})])
    inventory.confirm(A)
    inventory.release(B)

    assert inventory.forget_holds(before=database_now() - HOUR) == 0
    assert inventory.forget_holds(before=database_now()) == 1

    assert inventory.get(A).state == ReservationState.CONFIRMED
    assert reserved() == {"cup": 1}


def test_forgets_in_pieces_that_stay_done_whatever_becomes_of_the_rest(inventory, database_now, monkeypatch):
    monkeypatch.setattr(database, "ROWS_IN_A_PIECE", 2)
    ids = [uuid4() for _ in range(5)]
    inventory.hold([HoldRequest(reservation_id, {"cup": 1}) for reservation_id in ids])
    for reservation_id in ids:
        inventory.release(reservation_id)

    with interrupted_before("with", number=3):
        inventory.forget_holds(before=database_now())

    assert inventory.forget_holds(before=database_now()) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda inventory, now: inventory.hold([HoldRequest(A, {"cup": 1})]),
        lambda inventory, now: inventory.confirm(A),
        lambda inventory, now: inventory.release(A),
        lambda inventory, now: inventory.get(A),
        lambda inventory, now: inventory.changed_since(now),
        lambda inventory, now: inventory.untouched_holds(after=now, before=now),
        lambda inventory, now: inventory.release_untouched(A, before=now),
        lambda inventory, now: inventory.release_ownerless(A, unless=lambda: False),
        lambda inventory, now: inventory.forget_holds(before=now),
    ],
    ids=["hold", "confirm", "release", "get", "changed_since", "untouched", "release_untouched", "ownerless", "forget"],
)
def test_refuses_to_be_called_inside_a_transaction(inventory, reserved, database_now, call):
    now = database_now()

    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a database transaction"):
        call(inventory, now)

    assert reserved() == {}


def test_product_ids_of_any_script_are_kept_apart(inventory, reserved):
    composed, decomposed = "na\u00efve", "nai\u0308ve"
    odd = ["Tasse", "杯子", "a/b c?d", composed, "NULL", "{a,b}", "'", '"', "\\", '\\"', "%s", "📦"]
    set_stock_levels(dict.fromkeys([*odd, "tasse", decomposed], 1))

    (outcome,) = inventory.hold([HoldRequest(A, dict.fromkeys(odd, 1))])

    assert isinstance(outcome, Held)
    assert reserved() == dict.fromkeys(odd, 1)
    assert inventory.get(A).lines == dict.fromkeys(odd, 1)
