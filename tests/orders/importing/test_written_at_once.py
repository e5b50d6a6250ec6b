"""An imported order lives through all its history in memory, and is written with it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Event
from orders.importing.history import HistoricOrder
from orders.importing.lines import read_order
from orders.models import Order, Storefront
from orders.operations import Call, ImportResult, import_orders, payments, perform
from orders.operations.unwritten import UnwrittenOrder
from orders.reading.documents import document_of
from orders.requests.operations import RecordPayment
from orders.rules.callers import system
from orders.rules.errors import OrderBusy, PaymentConflict
from orders.rules.lifecycle import Operation
from orders.rules.statuses import PaymentKind
from tests.orders.importing.lines import history, line

CALL = Call(system("import_orders"), reason="imported")


def orders_of(*lines: str):
    return [read_order(text.encode(), now=timezone.now()) for text in lines]


@pytest.fixture
def br_south(database):
    return Storefront.objects.create(code="br-south", name="South", number_prefix="BRS", currency="BRL")


def another_has_the_payment(reference: str) -> None:
    """An order that is here has recorded what the file tells of another."""
    import_orders(orders_of(line("r0", payments=...)), call=CALL)
    fact = RecordPayment(kind=PaymentKind.CAPTURE, amount=1, psp="import", psp_reference=reference)
    perform(Operation.RECORD_PAYMENT, Order.objects.get().pk, fact, call=CALL)


def test_twenty_lives_take_as_many_statements_as_two(br_south):
    two = orders_of(line("a"), line("b", history=history("canceled", approved_at="2017-03-01T11:00:00Z")))
    with CaptureQueriesContext(connection) as few:
        import_orders(two, call=CALL)

    with CaptureQueriesContext(connection) as many:
        outcomes = import_orders(orders_of(*(line(f"r{number}") for number in range(20))), call=CALL)

    assert outcomes == [ImportResult.PLACED] * 20
    # storefronts, what is there, payments, begin, patience, orders with their parts, events, commit
    assert (len(few), len(many)) == (8, 8), [query["sql"][:80] for query in many]
    assert Event.objects.filter(stream_id__in=Order.objects.filter(external_reference="r7").values("id")).count() == 6


def test_long_orders_are_written_in_smaller_pieces_and_a_long_life_in_several(br_south, monkeypatch):
    monkeypatch.setattr("orders.operations.importing._LINES_AT_ONCE", 4)  # of the six events of a line's only item

    with CaptureQueriesContext(connection) as captured:
        outcomes = import_orders(orders_of(line("r1"), line("r2")), call=CALL)

    assert outcomes == [ImportResult.PLACED] * 2
    assert sum("insert into orders_order " in query["sql"] for query in captured) == 2
    assert sum("events_append" in query["sql"] for query in captured) == 4
    assert (
        list(Event.objects.order_by("stream_id", "sequence").values_list("sequence", flat=True)) == [*range(1, 7)] * 2
    )


def test_one_that_is_refused_is_not_there_and_the_others_are_written_by_one_statement(br_south):
    another_has_the_payment("r2/1")

    with CaptureQueriesContext(connection) as captured:
        outcomes = import_orders(orders_of(line("r1"), line("r2"), line("r3")), call=CALL)

    assert [type(outcome) for outcome in outcomes] == [ImportResult, PaymentConflict, ImportResult]
    assert sum("insert into orders_order " in query["sql"] for query in captured) == 1
    assert set(Order.objects.values_list("external_reference", flat=True)) == {"r0", "r1", "r3"}


def test_a_payment_that_another_records_meanwhile_is_seen_at_the_next_try(br_south, monkeypatch):
    another_has_the_payment("r1/1")
    known = payments.known_payments
    asked = []

    def knows_nothing_at_first(keys):
        asked.append(list(keys))
        return known(asked[-1]) if len(asked) > 1 else {}

    monkeypatch.setattr("orders.operations.importing.known_payments", knows_nothing_at_first)

    (outcome,) = import_orders(orders_of(line("r1")), call=CALL)

    assert isinstance(outcome, PaymentConflict)
    assert len(asked) == 2
    assert Order.objects.count() == 1


def test_an_order_that_another_import_writes_meanwhile_is_no_stranger(br_south, monkeypatch):
    known = payments.known_payments

    def another_is_faster(keys):
        monkeypatch.undo()
        import_orders(orders_of(line("r1")), call=CALL)
        return known(keys)

    monkeypatch.setattr("orders.operations.importing.known_payments", another_is_faster)

    outcomes = import_orders(orders_of(line("r1"), line("r2")), call=CALL)

    assert outcomes == [ImportResult.SKIPPED, ImportResult.PLACED]
    assert Order.objects.count() == 2


def test_orders_that_others_are_always_in_the_way_of_are_busy_and_there_the_next_time(br_south, others_in_the_way):
    told = orders_of(line("r1"), line("r2"))

    with others_in_the_way(100):
        outcomes = import_orders(told, call=CALL)

    assert [type(outcome) for outcome in outcomes] == [OrderBusy, OrderBusy]
    assert (Order.objects.count(), Event.objects.count()) == (0, 0)
    assert import_orders(told, call=CALL) == [ImportResult.PLACED] * 2


def test_a_fact_that_is_told_twice_is_recorded_once(br_south):
    (told,) = orders_of(line("r1", history=history("created"), payments=...))
    historic = HistoricOrder(told, br_south)
    order = UnwrittenOrder(historic.order_row, historic.item_rows, br_south, known_payments={})
    fact = RecordPayment(kind=PaymentKind.CAPTURE, amount=2500, psp="import", psp_reference="r1/1")
    call = replace(CALL, at=timezone.now(), unwritten=order)

    once, twice = (perform(Operation.RECORD_PAYMENT, historic.order_id, fact, call=call) for _ in range(2))

    assert (once["captured_amount"], twice["captured_amount"], len(order.events)) == (2500, 2500, 1)
    with pytest.raises(PaymentConflict):
        perform(Operation.RECORD_PAYMENT, historic.order_id, msgspec.structs.replace(fact, amount=1), call=call)


def test_the_last_event_tells_the_order_as_it_is_read(br_south):
    import_orders(
        orders_of(
            line("r1", history=history("canceled", approved_at="2017-03-01T11:00:00Z") | {"refunded_amount": 2500})
        ),
        call=CALL,
    )

    order = Order.objects.get()
    told = Event.objects.filter(stream_id=order.pk).latest("sequence")
    read = document_of(order)
    assert (read["status"], read["payment_status"], len(read["credits"])) == ("canceled", "refunded", 1)
    personal = ("contact", "shipping_address", "billing_address", "note", "metadata")
    assert told.data["order"] == {name: value for name, value in read.items() if name not in personal}
