"""Writers that place orders and change hot ones: several in a transaction, some committed late, some undone."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Self
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection, transaction

from inventory_client.stock import set_stock_levels
from orders import operations
from orders.announcing.changes import Origin
from orders.models import Storefront
from orders.operations import PERFORMERS, Call
from orders.operations.idempotency import StoredAnswer
from orders.operations.placing import Outcome, Placed
from orders.requests.placing import NewItem, NewOrder
from orders.rules.callers import system
from orders.rules.errors import OrderError
from orders.rules.lifecycle import Operation

WRITERS: Final = 4
_HOT_ORDERS: Final = 25
_ENOUGH: Final = 1_000_000_000
# Of `rare` there is none: who orders it is refused after its event was made.
_STOCK: Final = {"cup": _ENOUGH, "plate": _ENOUGH, "rare": 0}
_CALL: Final = Call(system("fault-run"), reason="tried", joins_transaction=True)
# What can be done to an order again and again is done most often.
_CHANGES: Final[Sequence[tuple[Operation, dict[str, Any], int]]] = (
    (Operation.CHANGE_DETAILS, {}, 30),
    (Operation.EXTEND, {"minutes": 30}, 2),
    (Operation.CONFIRM, {}, 2),
    (Operation.CANCEL, {}, 1),
    (Operation.DELETE, {}, 1),
)


class _Undo(Exception):
    pass


def open_shop(code: str = "au") -> Storefront:
    """A storefront with stock."""
    set_stock_levels(_STOCK)
    storefront, _ = Storefront.objects.get_or_create(
        code=code, defaults={"name": "Australia", "number_prefix": code.upper(), "currency": "AUD"}
    )
    return storefront


class Writers:
    """A context in which they write. `done` counts what became of it."""

    def __init__(self, storefront: Storefront, *, most: int = 4, seed: int = 0) -> None:
        """`most` orders are placed together."""
        self._most = most
        self._storefront = storefront
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._hot: list[UUID] = []
        self._threads = [
            threading.Thread(target=self._write, args=[random.Random(seed + number)], name=f"writer-{number}")
            for number in range(WRITERS)
        ]
        self.done: Counter[str] = Counter()
        self.acknowledged: set[tuple[str, int]] = set()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def changes(self) -> int:
        """Committed, as far as the writers were told."""
        return len(self.acknowledged)

    def _write(self, rng: random.Random) -> None:
        logging.getLogger("django").setLevel(logging.CRITICAL)
        try:
            while not self._stop.is_set():
                try:
                    if len(self._hot) < _HOT_ORDERS or rng.random() < 0.2:
                        self._place(rng)
                    else:
                        self._change(rng)
                except _Undo:
                    self._count("undone")
                except OrderError as refusal:
                    self._count(f"refused: {refusal.code}")
                except (DatabaseError, InterfaceError):
                    self._count("lost their database")
                    connection.close()
                    self._stop.wait(0.1)
        finally:
            connection.close()

    def _place(self, rng: random.Random) -> None:
        products = [
            rng.choices(["cup", "plate", "rare"], [5, 4, 1])[0] for _ in range(rng.choice([1, 1, 4, self._most]))
        ]
        placed = place(self._storefront, products)
        with self._lock:
            self.done["placed"] += len(placed)
            self.done["refused"] += len(products) - len(placed)
            self.acknowledged |= {(str(order_id), 1) for order_id in placed}
            for order_id in placed[:4]:
                if len(self._hot) < _HOT_ORDERS:
                    self._hot.append(order_id)
                elif rng.random() < 0.3:
                    self._hot[rng.randrange(_HOT_ORDERS)] = order_id

    def _change(self, rng: random.Random) -> None:
        with self._lock:
            picked = sorted(rng.sample(self._hot, rng.choice([1, 1, 2])))
        done: set[tuple[str, int]] = set()
        with transaction.atomic(durable=True):
            for order_id in picked:
                for _ in range(rng.choice([1, 1, 3])):
                    (change,) = rng.choices(_CHANGES, [weight for *_, weight in _CHANGES])
                    done.add(change_order(change[0], order_id, change[1], note=f"{rng.random()}"))
            if rng.random() < 0.2:
                time.sleep(rng.random() * 0.05)
            if rng.random() < 0.05:
                raise _Undo
        with self._lock:
            self.done["changed"] += len(done)
            self.acknowledged |= done

    def _count(self, what: str) -> None:
        with self._lock:
            self.done[what] += 1


def place(storefront: Storefront, products: Sequence[str]) -> list[UUID]:
    """Place an order of one unit for each product, together; the ids of those that were placed."""
    outcomes: list[Outcome] = []

    def render(told: Sequence[Outcome]) -> StoredAnswer:
        outcomes[:] = told
        return StoredAnswer(201, b"")

    operations.place_orders(
        [NewOrder(customer_id="cus1", items=[NewItem(product_id=product, quantity=1)]) for product in products],
        storefront=storefront,
        origin=Origin("system:fault-run"),
        render=render,
    )
    return [outcome.order_id for outcome in outcomes if isinstance(outcome, Placed)]


def change_order(operation: Operation, order_id: UUID, asked: dict[str, Any], *, note: str) -> tuple[str, int]:
    """Do it in the caller's transaction; the order and its version since then."""
    if operation is Operation.CHANGE_DETAILS:
        asked = {"note": note}
    document = operations.perform(operation, order_id, PERFORMERS[operation].request(**asked), call=_CALL)
    return str(order_id), int(document["version"])
