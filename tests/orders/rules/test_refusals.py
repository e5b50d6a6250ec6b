"""What refusals say: what is, what was expected, what would be possible; and the same facts for machines."""

from __future__ import annotations

from uuid import UUID

import pytest

from inventory_client.values import ShortLine
from orders.rules import errors
from orders.rules.errors import ExceededLine, FieldError

ID = UUID("01a22c53-827b-7000-8000-000000000001")
OTHER_ID = UUID("01a22c53-827b-7000-8000-000000000002")
HOLD = {"id": "1", "kind": "fraud", "placed_by": "key:abc"}
OTHER_HOLD = {"id": "2", "kind": "manual", "placed_by": "staff:ann"}

SENTENCES = [
    (
        errors.OrderBusy(ID),
        f"Order {ID} is being changed by other requests; nothing was done. Send the request again.",
        {},
    ),
    (
        errors.OrderBusy(),
        "The order is being changed by other requests; nothing was done. Send the request again.",
        {},
    ),
    (
        errors.DuplicateReference("web-1", ID),
        f"The external_reference 'web-1' belongs to order {ID} of this storefront.",
        {"order_id": str(ID)},
    ),
    (
        errors.DuplicateReference("web-1", None),
        "The external_reference 'web-1' belongs to another order of the same request of this storefront.",
        {"order_id": None},
    ),
    (
        errors.VersionMismatch(current=3, expected='"2"'),
        'If-Match asks for "2", but the order is at version 3: read it again, then decide.',
        {"current_version": 3},
    ),
    (
        errors.NotPermitted("ship", "the scope shipments:write"),
        "ship needs the scope shipments:write.",
        {"operation": "ship", "needs": "shipments:write"},
    ),
    (
        errors.InvalidTransition("pending", "shipped", {"confirmed", "canceled"}),
        "A pending order cannot be shipped; it can be canceled or confirmed.",
        {"current": "pending", "wanted": "shipped", "allowed": ["canceled", "confirmed"]},
    ),
    (
        errors.InvalidTransition("canceled", "shipped", ()),
        "A canceled order cannot be shipped; no other status follows on it.",
        {"current": "canceled", "wanted": "shipped", "allowed": []},
    ),
    (
        errors.NotAllowedNow("pack", "shipped", ["pending", "confirmed"]),
        "pack is not possible for a shipped order; it is for orders that are pending or confirmed.",
        {"operation": "pack", "current": "shipped", "allowed": ["pending", "confirmed"]},
    ),
    (
        errors.DetailsLocked("items", "shipped", ["pending", "confirmed"]),
        "The items of a shipped order cannot be changed; that is for orders that are pending or confirmed.",
        {"field": "items", "current": "shipped", "allowed": ["pending", "confirmed"]},
    ),
    (
        errors.NotDeletable("confirmed", ["pending", "canceled"], following=["shipped", "canceled"]),
        "A confirmed order cannot be deleted, only canceled and pending ones can. It has to be canceled first.",
        {"current": "confirmed", "allowed": ["canceled", "pending"]},
    ),
    (
        errors.OrderOnHold("ship", [HOLD]),
        "ship is blocked by a hold: fraud (by key:abc). Release it first.",
        {"operation": "ship", "holds": [{"id": "1", "kind": "fraud"}]},
    ),
    (
        errors.OrderOnHold("ship", [HOLD, OTHER_HOLD]),
        "ship is blocked by holds: fraud (by key:abc), manual (by staff:ann). Release them first.",
        {"operation": "ship", "holds": [{"id": "1", "kind": "fraud"}, {"id": "2", "kind": "manual"}]},
    ),
    (
        errors.QuantityExceeded("shipped", [ExceededLine(ID, "cup", 3, 2)]),
        "Nothing was shipped. cup: 3 wanted, 2 can be shipped.",
        {"items": [{"item_id": str(ID), "product_id": "cup", "requested": 3, "available": 2}]},
    ),
    (
        errors.Ambiguous("refund", [ID, OTHER_ID]),
        "The order has 2 of them: say which refund is meant, by refund_id.",
        {"choices": [str(ID), str(OTHER_ID)]},
    ),
    (
        errors.OutOfStock([ShortLine("cup", 3, 2)]),
        "No order was placed; there is not enough stock. cup: 3 wanted, 2 available.",
        {"products": [{"product_id": "cup", "requested": 3, "available": 2}]},
    ),
    (
        errors.UnknownProducts(["cup", "bowl"]),
        "The inventory does not know: cup, bowl. No order was placed.",
        {"products": [{"product_id": "cup"}, {"product_id": "bowl"}]},
    ),
]


@pytest.mark.parametrize(("refusal", "sentence", "facts"), SENTENCES, ids=lambda case: getattr(case, "code", ""))
def test_a_refusal_says_what_is_and_what_would_be_possible(refusal, sentence, facts):
    assert (str(refusal), refusal.detail, refusal.extra) == (sentence, sentence, facts)


def test_a_request_that_is_wrong_says_where_first_and_everything_after():
    wrong = errors.InvalidRequest([FieldError("/items/0", "required", "Say what."), FieldError("", "empty", "No.")])

    assert str(wrong) == "/items/0: Say what (and 1 more)."
    assert wrong.errors == [
        {"pointer": "/items/0", "code": "required", "detail": "Say what."},
        {"pointer": "", "code": "empty", "detail": "No."},
    ]


def test_a_body_that_is_wrong_as_a_whole_has_no_place():
    assert str(errors.InvalidRequest.at("", "empty", "Say what.")) == "Say what."


def test_what_is_worth_trying_again_says_when():
    assert errors.InventoryDown("It is down.").retry_after == 5
    assert errors.InventoryDown("It is down.", retry_after=60).retry_after == 60
