"""What a person may give to others: nothing that they may not do themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orders.rules.callers import ERASE_CUSTOMERS, SEE_CUSTOMERS
from orders.rules.lifecycle import OPERATIONS
from orders.rules.scopes import Scope

# Scopes that open more than operations. Placing is no permission of staff: `orders:write` needs all else it opens.
_BESIDE_OPERATIONS: Final[dict[Scope, frozenset[str]]] = {
    Scope.ORDERS_READ: frozenset({"orders.view_order"}),
    Scope.CUSTOMERS_READ: frozenset({"orders.view_order", SEE_CUSTOMERS}),
    Scope.CUSTOMERS_ERASE: frozenset({"orders.view_order", SEE_CUSTOMERS, ERASE_CUSTOMERS}),
    # An endpoint gets every event of the storefront.
    Scope.WEBHOOKS_WRITE: frozenset({"orders.view_order", "events.view_event", "events.change_webhookendpoint"}),
}


def permissions_behind(scope: Scope) -> frozenset[str]:
    """What staff need to do themselves all that a key may do with the scope."""
    of_operations = {rules.permission for rules in OPERATIONS.values() if rules.scope == scope and rules.permission}
    return _BESIDE_OPERATIONS.get(scope, frozenset()) | of_operations


def scopes_to_give(has_permission: Callable[[str], bool]) -> list[Scope]:
    """The scopes with which somebody who has these permissions may make a key; one that none stands behind is not."""
    behind = {scope: permissions_behind(scope) for scope in Scope}
    return [scope for scope in Scope if behind[scope] and all(map(has_permission, behind[scope]))]
