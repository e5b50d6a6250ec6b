"""Who of a batch is asked for when, while other batches share the threads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from uuid import UUID, uuid4

from inventory_client.errors import InventoryUnavailable
from inventory_client.turns import in_turn
from inventory_client.values import HoldRequest

DONE = InventoryUnavailable("Done.")


def _wanting(*products: str) -> list[HoldRequest]:
    return [HoldRequest(uuid4(), {product: 1}) for product in products]


def test_those_that_want_the_same_product_are_asked_for_in_their_order():
    batch = [*_wanting("cup", "plate", "cup"), HoldRequest(uuid4(), {"plate": 1, "cup": 1}), *_wanting("cup", "plate")]
    asked: list[UUID] = []

    def put(request: HoldRequest) -> InventoryUnavailable:
        asked.append(request.reservation_id)
        return DONE

    with ThreadPoolExecutor(4) as threads:
        in_turn(put, batch, threads, at_once=4)

    for product in ("cup", "plate"):
        wanting = [request.reservation_id for request in batch if product in request.lines]
        assert [reservation_id for reservation_id in asked if reservation_id in wanting] == wanting


def test_outcomes_stand_in_the_order_of_the_requests():
    batch = _wanting("cup", "plate", "bowl")
    outcomes = {request.reservation_id: InventoryUnavailable(str(request.lines)) for request in batch}
    later_ones = Barrier(2, timeout=60)
    ended = Event()

    def put(request: HoldRequest) -> InventoryUnavailable:
        if request is batch[0]:
            assert ended.wait(60)
        else:
            later_ones.wait()
            ended.set()
        return outcomes[request.reservation_id]

    with ThreadPoolExecutor(3) as threads:
        told = in_turn(put, batch, threads, at_once=3)

    assert told == [outcomes[request.reservation_id] for request in batch]


def test_a_batch_that_wants_one_product_takes_one_thread():
    other_is_asked = Event()

    def put(request: HoldRequest) -> InventoryUnavailable:
        if "plate" in request.lines:
            other_is_asked.set()
        else:
            assert other_is_asked.wait(60)
        return DONE

    with ThreadPoolExecutor(2) as threads, ThreadPoolExecutor(1) as other_caller:
        long = other_caller.submit(in_turn, put, _wanting(*["cup"] * 20), threads, at_once=2)
        short = in_turn(put, _wanting("plate"), threads, at_once=2)

    assert (len(long.result()), len(short)) == (20, 1)


def test_a_small_batch_takes_its_turn_in_the_middle_of_a_large_one():
    large, small = _wanting(*[f"p{number}" for number in range(100)]), _wanting("cup")
    under_way, small_waits = Event(), Event()
    asked: list[HoldRequest] = []

    class Threads(ThreadPoolExecutor):
        def submit(self, put, /, *requests, **nothing):
            future = super().submit(put, *requests)
            if requests[0] is small[0]:
                small_waits.set()
            return future

    def put(request: HoldRequest) -> InventoryUnavailable:
        asked.append(request)
        under_way.set()
        assert small_waits.wait(60)
        return DONE

    with Threads(1) as threads, ThreadPoolExecutor(1) as other_caller:
        other = other_caller.submit(in_turn, put, large, threads, at_once=1)
        assert under_way.wait(60)
        in_turn(put, small, threads, at_once=1)

    assert len(other.result()) == 100
    assert asked == [large[0], *small, *large[1:]]
