"""Whatever is called in whatever order: what is reserved, and what has left, is what the live reservations say."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory_client.errors import ReservationNotHeld
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Reservation, Stock
from inventory_client.recounting import miscounts
from inventory_client.stock import LevelBelowReserved, change_stock_levels, set_stock_levels
from inventory_client.values import HoldRequest
from inventory_client.within import adjust_within, release_within

IDS = [UUID(int=number) for number in range(1, 4)]
lines = st.dictionaries(st.sampled_from(["cup", "plate", "spoon"]), st.integers(min_value=1, max_value=4), min_size=1)


@st.composite
def a_request(draw: st.DrawFn) -> HoldRequest:
    """Of its lines some, none or all units have been shipped."""
    wanted = draw(lines)
    gone = {product_id: draw(st.integers(min_value=0, max_value=units)) for product_id, units in wanted.items()}
    shipped = {product_id: units for product_id, units in gone.items() if units}
    return HoldRequest(draw(st.sampled_from(IDS)), wanted, draw(st.integers(min_value=1, max_value=3)), shipped)


requests = a_request()
steps = st.one_of(
    st.tuples(st.just("hold"), st.lists(requests, min_size=1, max_size=4)),
    st.tuples(st.just("confirm"), st.sampled_from(IDS)),
    st.tuples(st.just("release"), st.sampled_from(IDS)),
    st.tuples(st.just("sweep"), st.sampled_from(IDS)),
    st.tuples(st.just("within"), requests),
    st.tuples(st.just("release within"), st.sampled_from(IDS)),
    st.tuples(st.just("level"), st.integers(min_value=0, max_value=8)),
    st.tuples(st.just("change"), st.integers(min_value=-3, max_value=3)),
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, max_size=12))
def test_reserved_units_are_those_of_live_reservations(history):
    Reservation.objects.all().delete()
    Stock.objects.all().delete()
    set_stock_levels({"cup": 6, "plate": 3})
    ledger = EmbeddedLedger(hold_grace_seconds=120)
    put_there = {"cup": 6, "plate": 3}  # by people, in all

    for name, given_value in history:
        match name:
            case "hold":
                ledger.hold(given_value)
            case "confirm":
                with suppress(ReservationNotHeld):
                    ledger.confirm(given_value)
            case "release":
                ledger.release(given_value)
            case "sweep":
                ledger.release_untouched(given_value, before=datetime.now(UTC))
            case "within":
                with transaction.atomic():
                    adjust_within(given_value, confirmed=True)
            case "release within":
                with transaction.atomic():
                    release_within(given_value)
            case "level":
                had = Stock.objects.get(pk="cup").on_hand
                with suppress(LevelBelowReserved):
                    set_stock_levels({"cup": given_value})
                    put_there["cup"] += given_value - had
            case "change":
                with suppress(LevelBelowReserved):
                    change_stock_levels({"cup": given_value}, reason="counted", by="system:test")
                    put_there["cup"] += given_value

        live: Counter[str] = Counter()
        gone: Counter[str] = Counter()
        for reservation in Reservation.objects.exclude(state="released"):
            live.update(dict(zip(reservation.product_ids, reservation.quantities, strict=True)))
            gone.update(dict(zip(reservation.product_ids, reservation.shipped, strict=False)))
        stock = {row.product_id: row for row in Stock.objects.all()}
        assert {product_id: row.reserved for product_id, row in stock.items()} == {
            product_id: live[product_id] - gone[product_id] for product_id in stock
        }
        assert {product_id: row.shipped for product_id, row in stock.items()} == {each: gone[each] for each in stock}
        assert {product_id: row.on_hand + row.shipped for product_id, row in stock.items()} == put_there
        assert all(row.reserved <= row.on_hand for row in stock.values())
        assert miscounts().in_all == 0
