"""Several of a batch at once, but first come, first served; and no batch ahead of all others."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from graphlib import TopologicalSorter

from inventory_client.client import HoldOutcome
from inventory_client.values import HoldRequest


def in_turn(
    put: Callable[[HoldRequest], HoldOutcome], requests: Sequence[HoldRequest], threads: Executor, *, at_once: int
) -> list[HoldOutcome]:
    """The outcomes, in the order of the requests. Each is put after those before it that want the same product.

    The threads are shared with other batches: a request is handed to them only when it waits for nobody, and
    at most `at_once` of a batch, so that behind those another batch takes its turn.
    """
    turns: TopologicalSorter[int] = TopologicalSorter()
    last: dict[str, int] = {}
    for place, request in enumerate(requests):
        turns.add(place, *(last[product_id] for product_id in request.lines if product_id in last))
        last.update(dict.fromkeys(request.lines, place))
    turns.prepare()
    ready: deque[int] = deque()
    under_way: dict[Future[HoldOutcome], int] = {}
    outcomes: dict[int, HoldOutcome] = {}
    while turns.is_active():
        ready.extend(turns.get_ready())
        while ready and len(under_way) < at_once:
            place = ready.popleft()
            under_way[threads.submit(put, requests[place])] = place
        for ended in wait(under_way, return_when=FIRST_COMPLETED).done:
            place = under_way.pop(ended)
            outcomes[place] = ended.result()
            turns.done(place)
    return [outcomes[place] for place in range(len(requests))]
