"""`GET /api/v1/orders/{id}/actions` says what can be done; here everything is tried, and it was right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import pytest
from django.test import Client

from orders.models import Storefront
from orders.requests.operations import Units
from orders.rules.lifecycle import Operation
from orders.rules.scopes import Scope
from orders.rules.statuses import HoldKind
from tests.base import perform
from tests.orders.operations.lifecycle.order_rows import Rows, copies_of, rows_of
from tests.orders.operations.lifecycle.order_rules import assert_nothing_changed

OFFERED: Final = [operation.value for operation in Operation if operation not in (Operation.EXPIRE, Operation.ERASE)]
# The least that each operation can be asked with.
ASKED: Final[dict[str, dict[str, Any]]] = {
    "extend": {"minutes": 43_200},
    "amend": {"items": [{"product_id": "bowl", "quantity": 1}]},
    "change_details": {"note": "Ring twice"},
    "change_contact": {"contact": {"email": "jo@example.com"}},
    "change_address": {"shipping_address": {"city": "Hobart"}},
    "track": {"tracking_number": "T1"},
    "record_payment": {"kind": "capture", "amount": 5, "psp_reference": "fresh"},
    "correct_payment": {"reason": "typed wrong"},
    "request_return": {"cause": "unwanted"},
    "change_customer": {"customer_id": "cus456"},
    "undo_shipment": {"reason": "still here"},
    "undo_delivery": {"reason": "not there"},
    "undo_completion": {"reason": "too early"},
    "reinstate": {"reason": "after all"},
    "comment": {"text": "They will ring again."},
    "hold": {"kind": "manual"},
}
PATCHES: Final = frozenset({"change_details", "change_contact", "change_address"})

# What the key may do to an order of two cups, by where it stands: "yes", or why not ("both": status and quantity).
GRID: Final = """
                pending   confirmed  partly_shipped  shipped   delivered  completed  canceled
confirm         yes       status     status          status    status     status     status
extend          yes       status     status          status    status     status     status
amend           yes       yes        yes             status    status     status     status
change_details  yes       yes        yes             yes       yes        yes        yes
change_contact  yes       yes        yes             yes       yes        status     status
change_address  yes       yes        quantity        status    status     status     status
change_customer yes       yes        yes             yes       yes        yes        yes
comment         yes       yes        yes             yes       yes        yes        yes
pack            yes       yes        yes             both      both       both       both
ship            status    yes        yes             both      both       both       both
track           yes       yes        yes             yes       quantity   both       status
deliver         both      quantity   yes             yes       quantity   both       both
complete        status    status     status          yes       yes        status     status
undo_shipment   both      quantity   yes             yes       quantity   both       both
undo_delivery   both      quantity   quantity        quantity  yes        status     both
undo_completion status    status     status          status    status     yes        status
cancel          yes       yes        yes             both      both       both       both
reinstate       status    status     status          status    status     status     yes
record_payment  yes       yes        yes             yes       yes        yes        yes
correct_payment quantity  quantity   quantity        quantity  quantity   quantity   quantity
request_refund  quantity  quantity   quantity        quantity  quantity   quantity   quantity
approve_refund  quantity  quantity   quantity        quantity  quantity   quantity   quantity
reject_refund   quantity  quantity   quantity        quantity  quantity   quantity   quantity
fail_refund     quantity  quantity   quantity        quantity  quantity   quantity   quantity
request_return  both      quantity   yes             yes       yes        yes        both
approve_return  both      quantity   quantity        quantity  quantity   quantity   both
reject_return   both      quantity   quantity        quantity  quantity   quantity   both
receive_return  both      quantity   quantity        quantity  quantity   quantity   both
close_return    both      quantity   quantity        quantity  quantity   quantity   both
hold            yes       yes        yes             yes       yes        yes        yes
release_hold    quantity  quantity   quantity        quantity  quantity   quantity   quantity
delete          yes       status     status          status    status     yes        yes
restore         status    status     status          status    status     status     status
"""
# The first reason's code, where something stands in the way of an order that is …
CODES: Final = {
    ("confirmed", "confirm"): "invalid_transition",
    ("confirmed", "extend"): "not_allowed_in_status",
    ("confirmed", "delete"): "not_deletable",
    ("confirmed", "restore"): "not_deleted",
    ("confirmed", "request_refund"): "nothing_left",
    ("pending", "ship"): "invalid_transition",
    ("partly_shipped", "change_address"): "address_in_use",
    ("shipped", "amend"): "details_locked",
    ("shipped", "cancel"): "invalid_transition",
    ("shipped", "pack"): "not_allowed_in_status",
    ("delivered", "track"): "nothing_left",
    ("completed", "track"): "details_locked",
    ("canceled", "complete"): "invalid_transition",
}
# What a hold of each kind stands in the way of.
HELD_UP: Final = {
    "fraud": {"confirm", "amend", "pack", "ship"},
    "address": {"pack", "ship"},
    "payment_review": {"confirm", "ship"},
    "manual": {"confirm", "amend", "pack", "ship", "complete"},
}
OF_SCOPE: Final = {
    "orders:read": set[str](),
    "orders:write": {
        "confirm",
        "extend",
        "amend",
        "change_details",
        "change_contact",
        "change_address",
        "change_customer",
        "cancel",
        "reinstate",
        "comment",
        "hold",
        "release_hold",
    },
    "orders:delete": {"delete", "restore"},
    "shipments:write": {
        "pack",
        "ship",
        "track",
        "deliver",
        "complete",
        "undo_shipment",
        "undo_delivery",
        "undo_completion",
    },
    "payments:write": {"record_payment", "correct_payment", "fail_refund"},
    "refunds:write": {"request_refund"},
    "refunds:approve": {"approve_refund", "reject_refund"},
    "returns:write": {"request_return", "approve_return", "reject_return", "receive_return", "close_return"},
}

Bring = Callable[[str], Rows]


@pytest.fixture
def bring(place_order: Callable[..., dict[str, Any]], storefront: Storefront, stock: Callable[..., None]) -> Bring:
    """Bring an order of two cups to where it is said to stand; return its rows."""
    storefront.refund_approval_above = 50
    storefront.save()

    def bring_to(place: str) -> Rows:
        order = place_order(cup=2)
        stock(cup=1000, bowl=1000)
        for operation in _WAYS[place]:
            operation(order)
        return rows_of(UUID(order["id"]))

    return bring_to


Done = Callable[[dict[str, Any]], object]


def do(operation: str, **asked: Any) -> Done:
    return lambda order: perform(operation, order["id"], by="staff:ann", **asked)


def ship_one(order: dict[str, Any]) -> None:
    perform("ship", order["id"], items=[Units(UUID(order["items"][0]["id"]), 1)])


def pack_one(order: dict[str, Any]) -> None:
    perform("pack", order["id"], items=[Units(UUID(order["items"][0]["id"]), 1)])


def capture(order: dict[str, Any]) -> None:
    perform("record_payment", order["id"], kind="capture", amount=100, psp_reference=f"capture {order['id']}")


_SHIPPED: Final = [do("confirm"), do("ship")]
_REFUND: Final = [do("confirm"), capture, do("request_refund", amount=60)]
_RETURN: Final = [*_SHIPPED, do("request_return", cause="damaged")]
_WAYS: Final[dict[str, Sequence[Done]]] = {
    "pending": [],
    "confirmed": [do("confirm")],
    "partly_shipped": [do("confirm"), ship_one],
    "shipped": _SHIPPED,
    "delivered": [*_SHIPPED, do("deliver")],
    "completed": [*_SHIPPED, do("complete")],
    "canceled": [do("cancel")],
    "all packed": [do("confirm"), do("pack")],
    "packed in part": [do("confirm"), pack_one],
    "pending and paid": [capture],
    "refund requested": _REFUND,
    "refund approved": [do("confirm"), capture, do("request_refund", amount=40)],
    "return requested": _RETURN,
    "return approved": [*_RETURN, do("approve_return")],
    "return of a completed order approved": [*_RETURN, do("approve_return"), do("complete")],
    "all returned": [*_RETURN, do("approve_return"), do("receive_return")],
    "canceled and to be refunded": [do("confirm"), capture, do("cancel")],
    "shipped, held up: manual": [*_SHIPPED, do("hold", kind=HoldKind.MANUAL)],
    **{f"pending, held up: {kind}": [do("hold", kind=HoldKind(kind))] for kind in HELD_UP},
    **{f"confirmed, held up: {kind}": [do("confirm"), do("hold", kind=HoldKind(kind))] for kind in HELD_UP},
}


def actions_of(client: Client, rows: Rows) -> dict[str, dict[str, Any]]:
    response = client.get(f"/api/v1/orders/{rows['orders_order'][0]['id']}/actions")
    assert response.status_code == 200
    return {action["operation"]: action for action in response.json()["actions"]}


def ask(client: Client, operation: str, rows: Rows) -> Any:
    path, asked = f"/api/v1/orders/{rows['orders_order'][0]['id']}", ASKED.get(operation, {})
    if operation in PATCHES:
        return client.patch(path, asked, content_type="application/json")
    if operation == "delete":
        return client.delete(path)
    return client.post(f"{path}/{operation}", asked, content_type="application/json")


@pytest.mark.parametrize("place", _WAYS)
def test_what_is_said_to_be_allowed_is_done_and_what_is_not_is_refused_for_the_first_reason(
    api: Client, bring: Bring, place: str
):
    rows = bring(place)

    actions = actions_of(api, rows)

    assert list(actions) == OFFERED
    for (operation, action), order in zip(actions.items(), copies_of(rows, len(actions)), strict=True):
        answer = ask(api, operation, order)
        after = rows_of(UUID(order["orders_order"][0]["id"]))
        if action["allowed"]:
            assert action["reasons"] == []
            assert answer.status_code in (200, 204), answer.content
            assert after["orders_order"][0]["version"] == order["orders_order"][0]["version"] + 1
        else:
            reason = action["reasons"][0]
            assert (answer.status_code, answer.json()["code"]) == (409, reason["code"]), operation
            assert_nothing_changed(order, after)


def test_the_grid_of_statuses_and_operations(api: Client, bring: Bring):
    first, *lines = [line.split() for line in GRID.strip().splitlines()]
    expected = {place: {line[0]: line[column] for line in lines} for column, place in enumerate(first, start=1)}

    found = {place: actions_of(api, bring(place)) for place in first}

    assert {
        place: {
            operation: {(): "yes", ("status", "quantity"): "both"}.get(
                tuple(_because(action)), ",".join(_because(action))
            )
            for operation, action in actions.items()
        }
        for place, actions in found.items()
    } == expected
    assert {(place, operation): found[place][operation]["reasons"][0]["code"] for place, operation in CODES} == CODES


def test_what_is_packed_already_can_only_be_packed_anew_by_its_parcel(api: Client, bring: Bring):
    rows = bring("all packed")

    action = actions_of(api, rows)["pack"]

    assert [(reason["because"], reason["code"], reason["detail"]) for reason in action["reasons"]] == [
        ("quantity", "nothing_left", "There is no open unit that is not packed already.")
    ]
    assert actions_of(api, bring("packed in part"))["pack"]["allowed"] is True
    parcel_id, order_id = rows["orders_shipment"][0]["id"], rows["orders_order"][0]["id"]
    perform("pack", order_id, shipment_id=UUID(parcel_id))


@pytest.mark.parametrize("kind", HELD_UP)
@pytest.mark.parametrize("place", ["pending", "confirmed"])
def test_a_hold_stands_in_the_way_of_what_its_kind_blocks(api: Client, bring: Bring, kind: str, place: str):
    without = actions_of(api, bring(place))

    held_up = actions_of(api, bring(f"{place}, held up: {kind}"))

    because_of_it = {name for name, action in held_up.items() if "hold" in _because(action)}
    assert because_of_it == HELD_UP[kind]
    for name in because_of_it:
        assert [why for why in _because(held_up[name]) if why != "hold"] == _because(without[name])
        (hold,) = [reason for reason in held_up[name]["reasons"] if reason["because"] == "hold"]
        assert (hold["code"], [held["kind"] for held in hold["holds"]]) == ("order_on_hold", [kind])
    assert _because(without["release_hold"]) == ["quantity"]
    assert held_up["release_hold"]["allowed"] is True
    for name in held_up.keys() - because_of_it - {"release_hold"}:
        assert _because(held_up[name]) == _because(without[name])


def test_a_deleted_order_has_no_actions_and_takes_only_payments_and_restoring(api: Client, bring: Bring):
    rows = bring("pending")
    perform("delete", rows["orders_order"][0]["id"])
    rows = rows_of(UUID(rows["orders_order"][0]["id"]))

    answers = {
        operation: ask(api, operation, order)
        for operation, order in zip(OFFERED, copies_of(rows, len(OFFERED)), strict=True)
    }

    assert api.get(f"/api/v1/orders/{rows['orders_order'][0]['id']}/actions").status_code == 404
    done = {operation for operation, answer in answers.items() if answer.status_code == 200}
    assert done == {"record_payment", "restore"}
    refused = {(answer.status_code, answer.json()["code"]) for name, answer in answers.items() if name not in done}
    assert refused == {(404, "order_not_found"), (409, "nothing_left")}
    assert answers["correct_payment"].json()["code"] == "nothing_left"  # it would take a payment back
    assert answers["record_payment"].json()["payments"][0]["late"] is True


@pytest.mark.parametrize("scope", OF_SCOPE)
def test_a_key_of_one_scope_may_do_what_belongs_to_it(
    api: Client,
    storefront: Storefront,
    client_of: Callable[..., Client],
    bring: Bring,
    scope: str,
):
    rows = bring("confirmed")
    with_all = actions_of(api, rows)
    client = client_of(storefront, Scope.ORDERS_READ, Scope(scope))

    actions = actions_of(client, rows)

    assert {name for name, action in actions.items() if "scope" not in _because(action)} == OF_SCOPE[scope]
    for (name, action), order in zip(actions.items(), copies_of(rows, len(actions)), strict=True):
        answer = ask(client, name, order)
        if name in OF_SCOPE[scope]:
            assert action["reasons"] == with_all[name]["reasons"]
            assert (answer.status_code < 300) == with_all[name]["allowed"]
        else:
            assert action["reasons"][0]["code"] == answer.json()["code"] == "missing_scope"
            assert action["reasons"][1:] == with_all[name]["reasons"]
            assert answer.status_code == 403
            assert_nothing_changed(order, rows_of(UUID(order["orders_order"][0]["id"])))


def test_who_has_requested_a_refund_is_told_that_somebody_else_approves_it(
    api: Client, storefront: Storefront, client_of: Callable[..., Client], bring: Bring
):
    rows = bring("pending and paid")
    requested = api.post(
        f"/api/v1/orders/{rows['orders_order'][0]['id']}/request_refund",
        {"amount": 60},
        content_type="application/json",
    )
    assert requested.status_code == 200

    own = actions_of(api, rows)["approve_refund"]
    answer = ask(api, "approve_refund", rows)
    others = actions_of(client_of(storefront), rows)["approve_refund"]

    assert [(reason["because"], reason["code"]) for reason in own["reasons"]] == [("scope", "own_request")]
    assert (answer.status_code, answer.json()["code"]) == (409, "own_request")
    assert others["allowed"] is True


def _because(action: dict[str, Any]) -> list[str]:
    return [reason["because"] for reason in action["reasons"]]
