"""Who may do what: keys by their scopes, staff by their permissions, the service itself everything."""

from __future__ import annotations

import pytest

from orders.rules.callers import key_caller, refusal_to, staff_caller, system
from orders.rules.lifecycle import BLOCKED_BY, HOLDABLE, Operation
from orders.rules.statuses import HoldKind


def _why_not(caller, operation):
    refusal = refusal_to(caller, Operation(operation))
    return refusal and str(refusal)


def test_a_key_may_what_its_scopes_say_in_its_storefront():
    caller = key_caller("key:abc", storefront_id=7, scopes=frozenset({"orders:write"}))

    assert (caller.actor, caller.storefronts) == ("key:abc", frozenset({7}))
    assert _why_not(caller, "confirm") is None
    assert _why_not(caller, "ship") == "ship needs the scope shipments:write."


def test_a_person_may_what_their_groups_say():
    caller = staff_caller("staff:ann", storefronts=None, has_permission="orders.ship_order".__eq__)

    assert (caller.actor, caller.storefronts) == ("staff:ann", None)
    assert _why_not(caller, "ship") is None
    assert _why_not(caller, "confirm") == "confirm needs the permission orders.confirm_order."


def test_nobody_but_the_service_lets_orders_expire():
    everything = staff_caller("staff:ann", storefronts=None, has_permission=lambda permission: True)

    assert _why_not(system("sweep"), "expire") is None
    assert _why_not(everything, "expire") == "expire needs the permission None."


def test_the_service_may_do_everything_everywhere():
    caller = system("sweep")

    assert (caller.actor, caller.storefronts) == ("system:sweep", None)
    assert [_why_not(caller, operation) for operation in Operation] == [None] * 35


@pytest.mark.parametrize(
    ("kind", "blocked"),
    [
        ("fraud", {"amend", "confirm", "expire", "pack", "ship"}),
        ("address", {"expire", "pack", "ship"}),
        ("payment_review", {"confirm", "expire", "ship"}),
        ("manual", {"amend", "complete", "confirm", "expire", "pack", "ship"}),
    ],
)
def test_each_kind_of_hold_blocks_these_unless_it_says_otherwise(kind, blocked):
    assert BLOCKED_BY[HoldKind(kind)] == blocked


def test_these_can_be_held_up():
    assert {"amend", "cancel", "complete", "confirm", "erase", "expire", "pack", "ship"} == HOLDABLE
