from orders.rules.handing_out import permissions_behind, scopes_to_give
from orders.rules.scopes import Scope
from orders.rules.staff_groups import GROUPS

MAY_GIVE = {
    "support": ["orders:read", "customers:read", "orders:write", "refunds:write"],
    "lead": [
        "orders:read", "customers:read", "customers:erase", "orders:write", "orders:delete", "shipments:write",
        "refunds:write", "refunds:approve", "returns:write", "webhooks:write",
    ],
    "warehouse": ["orders:read", "customers:read", "shipments:write"],
    "finance": ["orders:read", "payments:write", "refunds:write", "refunds:approve"],
    "auditor": ["orders:read"],
}  # fmt: skip


def test_behind_every_scope_stands_a_permission():
    assert [scope for scope in Scope if not permissions_behind(scope)] == []


def test_a_group_may_give_the_scopes_of_which_it_may_do_everything_itself():
    assert {group: scopes_to_give(set(may).__contains__) for group, may in GROUPS.items()} == MAY_GIVE


def test_who_lacks_one_permission_behind_a_scope_may_not_give_it():
    may = permissions_behind(Scope.SHIPMENTS_WRITE) - {"orders.track_shipment"}

    assert scopes_to_give(may.__contains__) == []
