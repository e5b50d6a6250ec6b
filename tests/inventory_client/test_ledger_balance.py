"""Whatever is called in whatever order: what is reserved is what the live reservations say."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory_client.errors import ReservationNotHeld
from inventory_client.ledger import EmbeddedLedger
from inventory_client.models import Reservation, Stock
from inventory_client.stock import LevelBelowReserved, set_stock_levels
from inventory_client.values import HoldRequest

IDS = [UUID(int=number) for number in range(1, 4)]
lines = st.dictionaries(st.sampled_from(["cup", "plate", "spoon"]), st.integers(min_value=1, max_value=4), min_size=1)
requests = st.builds(HoldRequest, st.sampled_from(IDS), lines, st.integers(min_value=1, max_value=3))
steps = st.one_of(
    st.tuples(st.just("hold"), st.lists(requests, min_size=1, max_size=4)),
    st.tuples(st.just("confirm"), st.sampled_from(IDS)),
    st.tuples(st.just("release"), st.sampled_from(IDS)),
    st.tuples(st.just("sweep"), st.sampled_from(IDS)),
    st.tuples(st.just("level"), st.integers(min_value=0, max_value=8)),
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, max_size=12))
def test_reserved_units_are_those_of_live_reservations(history):
    Reservation.objects.all().delete()
    Stock.objects.all().delete()
    set_stock_levels({"cup": 6, "plate": 3})
    ledger = EmbeddedLedger(hold_grace_seconds=120)

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
            case "level":
                with suppress(LevelBelowReserved):
                    set_stock_levels({"cup": given_value})

        live: Counter[str] = Counter()
        for reservation in Reservation.objects.exclude(state="released"):
            live.update(dict(zip(reservation.product_ids, reservation.quantities, strict=True)))
        stock = {row.product_id: row for row in Stock.objects.all()}
        assert {product_id: row.reserved for product_id, row in stock.items() if row.reserved} == dict(live)
        assert all(row.reserved <= row.on_hand for row in stock.values())
