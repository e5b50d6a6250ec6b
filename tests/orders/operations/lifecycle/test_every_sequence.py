"""Every sequence of up to five operations keeps every rule: ledger, roll-ups, money, parcels, stock, events.

Each world is exhaustive by itself: from its first order, every sequence of its choices, of the length it says. The last
ones have every operation; those before look closer at what has to do with each other: more ways to ask for it, such as
for some of the units.
`every_sequence.py` tells why equal states need to be gone on from only once, `order_rules.py` what is checked after
each operation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple
from uuid import UUID

import pytest
from django.test import Client

from orders.models import Storefront
from orders.requests.operations import Units
from orders.rules.lifecycle import Operation
from tests.base import perform
from tests.chaos.promises import broken_promises
from tests.orders.operations.lifecycle.every_sequence import Choice, Walk


class World(NamedTuple):
    """An order and what is done to it: `units` of each item, at 10 each if they have prices.

    `beginning` are the steps that have been taken already when the sequences begin; `refused` is what is always
    refused after them.
    """

    choices: list[Choice]
    units: tuple[int, ...]
    operations: int
    priced: bool = False
    policy: str = "manual"
    refund_approval_above: int | None = None
    beginning: str = ""
    refused: frozenset[Operation] = frozenset()


def some(*counts: int) -> list[dict[str, object]]:
    """That many units of the first item, of the second …"""
    return [{"item_id": f"item {place}", "quantity": count} for place, count in enumerate(counts) if count]


def paid(kind: str, amount: int, reference: str, **more: Any) -> Choice:
    asked = {"kind": kind, "amount": amount, "psp_reference": f"{reference} of order 0", **more}
    return Choice(Operation.RECORD_PAYMENT, asked)


CONFIRM: Final = Choice(Operation.CONFIRM)
SHIP: Final = Choice(Operation.SHIP)
SHIP_ONE: Final = Choice(Operation.SHIP, {"items": some(1)})
DELIVER: Final = Choice(Operation.DELIVER)
COMPLETE: Final = Choice(Operation.COMPLETE)
CANCEL: Final = Choice(Operation.CANCEL)
CANCEL_ONE: Final = Choice(Operation.CANCEL, {"items": some(1)})
EXPIRE: Final = Choice(Operation.EXPIRE)
DELETE: Final = Choice(Operation.DELETE)
RESTORE: Final = Choice(Operation.RESTORE)
REMOVE_FIRST: Final = Choice(Operation.AMEND, {"items": [{"item_id": "item 0", "quantity": 0}]})
REQUEST_RETURN: Final = Choice(Operation.REQUEST_RETURN, {"cause": "unwanted"})
RETURN_ONE: Final = Choice(Operation.REQUEST_RETURN, {"cause": "unwanted", "items": some(1)})
NOT_RESTOCKED: Final = [{"item_id": "item 0", "quantity": 1, "condition": "damaged", "restock": False}]
RELEASE: Final = Choice(Operation.RELEASE_HOLD)


def first_item(quantity: int) -> Choice:
    return Choice(Operation.AMEND, {"items": [{"item_id": "item 0", "quantity": quantity}]})


EVERYTHING: Final = [
    CONFIRM,
    Choice(Operation.EXTEND, {"minutes": 60}),
    Choice(Operation.AMEND, {"items": [{"product_id": "plate", "quantity": 1, "unit_amount": 10}]}),
    Choice(Operation.CHANGE_DETAILS, {"note": "Ring twice"}),
    Choice(Operation.PACK),
    SHIP,
    Choice(Operation.TRACK, {"tracking_number": "T1"}),
    DELIVER,
    COMPLETE,
    CANCEL,
    paid("capture", 60, "first"),
    Choice(Operation.REQUEST_REFUND),
    Choice(Operation.APPROVE_REFUND, by="staff:bea"),
    Choice(Operation.REJECT_REFUND),
    Choice(Operation.FAIL_REFUND),
    REQUEST_RETURN,
    Choice(Operation.APPROVE_RETURN),
    Choice(Operation.REJECT_RETURN),
    Choice(Operation.RECEIVE_RETURN),
    Choice(Operation.HOLD, {"kind": "manual"}),
    RELEASE,
    EXPIRE,
    DELETE,
    RESTORE,
]
WORLDS: Final = {
    "the units of two items": World(
        [
            CONFIRM,
            first_item(2),
            REMOVE_FIRST,
            SHIP,
            SHIP_ONE,
            DELIVER,
            COMPLETE,
            CANCEL,
            CANCEL_ONE,
            REQUEST_RETURN,
            RETURN_ONE,
            Choice(Operation.APPROVE_RETURN),
            Choice(Operation.REJECT_RETURN),
            Choice(Operation.RECEIVE_RETURN),
            Choice(Operation.RECEIVE_RETURN, {"items": NOT_RESTOCKED}),
            DELETE,
            RESTORE,
        ],
        units=(3, 3),
        operations=5,
    ),
    "parcels": World(
        [
            CONFIRM,
            REMOVE_FIRST,
            Choice(Operation.PACK),
            Choice(Operation.PACK, {"items": some(1)}),
            Choice(Operation.PACK, {"shipment_id": "shipment 0"}),
            SHIP,
            SHIP_ONE,
            Choice(Operation.SHIP, {"shipment_id": "shipment 0"}),
            Choice(Operation.SHIP, {"shipment_id": "shipment 1"}),
            Choice(Operation.TRACK, {"tracking_number": "T1"}),
            DELIVER,
            Choice(Operation.DELIVER, {"shipment_id": "shipment 0"}),
            COMPLETE,
            CANCEL_ONE,
        ],
        units=(1, 1),
        operations=5,
    ),
    "returns": World(
        [
            SHIP,
            CANCEL,
            DELIVER,
            COMPLETE,
            REQUEST_RETURN,
            RETURN_ONE,
            Choice(Operation.APPROVE_RETURN),
            Choice(Operation.APPROVE_RETURN, {"return_id": "return 1"}),
            Choice(Operation.REJECT_RETURN),
            Choice(Operation.RECEIVE_RETURN),
            Choice(Operation.RECEIVE_RETURN, {"return_id": "return 0", "items": NOT_RESTOCKED}),
            DELETE,
            RESTORE,
        ],
        units=(3,),
        operations=5,
        beginning="confirm, ship one",
    ),
    "beginning and end": World(
        [
            CONFIRM,
            Choice(Operation.EXTEND, {"minutes": 60}),
            first_item(3),
            first_item(1),
            Choice(Operation.AMEND, {"items": [{"product_id": "rare", "quantity": 1}]}),  # there is none
            CANCEL,
            CANCEL_ONE,
            EXPIRE,
            DELETE,
            RESTORE,
        ],
        units=(2,),
        operations=5,
    ),
    "authorizations that confirm": World(
        [
            paid("authorization", 20, "first"),
            paid("void", 20, "first"),
            paid("capture", 20, "first"),
            CANCEL,
            CANCEL_ONE,
            EXPIRE,
            DELETE,
            RESTORE,
        ],
        units=(2,),
        operations=4,
        priced=True,
        policy="on_authorization",
    ),
    "captures that confirm": World(
        [
            paid("capture", 10, "first"),
            paid("capture", 10, "second"),
            Choice(Operation.HOLD, {"kind": "payment_review"}),
            RELEASE,
            CANCEL,
            CANCEL_ONE,
            first_item(1),
            DELETE,
            RESTORE,
        ],
        units=(2,),
        operations=4,
        priced=True,
        policy="on_payment",
    ),
    "refunds": World(
        [
            paid("chargeback", 10, "bank"),
            paid("refund", 10, "asked for", refund_id="refund 0"),
            Choice(Operation.REQUEST_REFUND),
            Choice(Operation.REQUEST_REFUND, {"amount": 10}),
            Choice(Operation.FAIL_REFUND),
            CANCEL,
            CANCEL_ONE,
        ],
        units=(2,),
        operations=4,
        priced=True,
        beginning="capture, confirm",
    ),
    "refunds that need approval": World(
        [
            Choice(Operation.REQUEST_REFUND),
            Choice(Operation.REQUEST_REFUND, {"amount": 10}),
            Choice(Operation.APPROVE_REFUND),
            Choice(Operation.APPROVE_REFUND, {"refund_id": "refund 0"}, by="staff:bea"),
            Choice(Operation.REJECT_REFUND),
            Choice(Operation.FAIL_REFUND),
            paid("refund", 10, "asked for", refund_id="refund 0"),
            paid("capture", 19, "all"),  # another amount than it was recorded with
        ],
        units=(2,),
        operations=5,
        priced=True,
        refund_approval_above=5,
        beginning="capture, confirm",
    ),
    "holds": World(
        [
            Choice(Operation.HOLD, {"kind": "fraud"}),
            Choice(Operation.HOLD, {"kind": "manual", "blocks": ["cancel", "expire"]}),
            RELEASE,
            Choice(Operation.RELEASE_HOLD, {"hold_id": "hold 1"}),
            CONFIRM,
            SHIP,
            COMPLETE,
            CANCEL,
            EXPIRE,
            DELETE,
            RESTORE,
        ],
        units=(1,),
        operations=5,
    ),
    "details": World(
        [
            Choice(Operation.CHANGE_DETAILS, {"note": "Ring twice"}),
            Choice(Operation.CHANGE_DETAILS, {"contact": {"email": "jo@example.com"}}, checks=Operation.CHANGE_CONTACT),
            Choice(Operation.CHANGE_DETAILS, {"shipping_address": {"city": "Hobart"}}, checks=Operation.CHANGE_ADDRESS),
            Choice(Operation.TRACK, {"tracking_number": "T1"}),
            CONFIRM,
            SHIP_ONE,
            DELIVER,
            CANCEL,
            DELETE,
            RESTORE,
        ],
        units=(2,),
        operations=4,
    ),
    "everything": World(EVERYTHING, units=(3, 3), operations=5, priced=True, refund_approval_above=15),
    "everything, of a paid and shipped order": World(
        EVERYTHING,
        units=(3, 3),
        operations=4,
        priced=True,
        refund_approval_above=15,
        beginning="capture, confirm, ship",
        refused=frozenset({Operation.CONFIRM, Operation.EXTEND, Operation.AMEND, Operation.PACK, Operation.SHIP})
        | {Operation.CANCEL, Operation.EXPIRE},
    ),
}


@pytest.mark.parametrize("name", WORLDS)
def test_every_sequence_of_operations_keeps_every_rule(
    api: Client, storefront: Storefront, stock: Callable[..., None], settings: Any, name: str
):
    world = WORLDS[name]
    settings.RESERVATION_MINUTES = 0  # so that orders can expire
    storefront.confirmation_policy = world.policy
    storefront.refund_approval_above = world.refund_approval_above
    storefront.save()
    stock(cup=1_000_000, plate=1_000_000, rare=0)
    order_id = _order(api, world)
    walk = Walk(world.choices)

    walk.from_order(order_id, operations=world.operations)

    assert walk.done == {choice.operation for choice in world.choices} - world.refused
    assert broken_promises() == {}


def _order(api: Client, world: World) -> UUID:
    price = {"unit_amount": 10} if world.priced else {}
    items = [
        {"product_id": product_id, "quantity": units, **price}
        for product_id, units in zip(("cup", "plate"), world.units, strict=False)
    ]
    response = api.post("/api/v1/orders", {"customer_id": "cus123", "items": items}, content_type="application/json")
    assert response.status_code == 201
    order_id = UUID(response.json()["id"])
    for step in filter(None, world.beginning.split(", ")):
        match step:
            case "ship one":
                perform("ship", order_id, items=[Units(UUID(response.json()["items"][0]["id"]), 1)])
            case "capture":
                amount = 10 * sum(world.units)
                perform("record_payment", order_id, kind="capture", amount=amount, psp_reference=f"all of {order_id}")
            case _:
                perform(step, order_id)
    return order_id
