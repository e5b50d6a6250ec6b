"""Who calls, and may they? API, back office and commands all ask `refusal_to`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from orders.rules.errors import NotPermitted, OrderError
from orders.rules.lifecycle import OPERATIONS, Operation, OperationRules
from orders.rules.scopes import Scope
from orders.rules.sight import Sight

# What staff need to see contact, addresses and note.
SEE_CUSTOMERS: Final = "orders.view_personal_data"
# And to export and erase all there is about one.
ERASE_CUSTOMERS: Final = "orders.erase_customer"


def _nothing(rules: OperationRules) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Caller:
    """`actor` reads `key:<prefix>`, `staff:<username>` or `system:<command>`.

    `storefronts` limits which orders exist for the caller; None is every storefront. `missing` names
    the scope or permission the caller lacks, None when it lacks none. `made_by` is who made a key.
    """

    actor: str
    storefronts: frozenset[int] | None = None
    missing: Callable[[OperationRules], str | None] = _nothing
    sight: Sight = Sight.CUSTOMER
    made_by: str = ""

    @property
    def person(self) -> str:
        """Who stands behind it: of a key whoever made it, and has read it then; otherwise the actor itself."""
        return self.made_by or self.actor


def is_staff(actor: str) -> bool:
    """Whether the actor is a person of the back office."""
    return actor.startswith("staff:")


def system(command: str) -> Caller:
    """This service itself, or whoever may run its commands: may do everything, for every storefront."""
    return Caller(f"system:{command}")


# Places the holds of orders whose customer could not be checked.
CUSTOMER_CHECK: Final = system("customer_check")


def key_caller(actor: str, *, storefront_id: int, scopes: frozenset[str], made_by: str = "") -> Caller:
    """An API key: the orders of its storefront, within its scopes. `made_by` is empty where nobody knows."""

    def missing(rules: OperationRules) -> str | None:
        return None if rules.scope in scopes else f"the scope {rules.scope}"

    return Caller(actor, frozenset({storefront_id}), missing, _sight_of(scopes), made_by)


def _sight_of(scopes: frozenset[str]) -> Sight:
    if Scope.ORDERS_READ not in scopes:
        return Sight.RECEIPT
    return Sight.CUSTOMER if Scope.CUSTOMERS_READ in scopes else Sight.ORDER


def staff_caller(actor: str, *, storefronts: frozenset[int] | None, has_permission: Callable[[str], bool]) -> Caller:
    """A person of the back office, within the permissions of their groups."""

    def missing(rules: OperationRules) -> str | None:
        allowed = rules.permission is not None and has_permission(rules.permission)
        return None if allowed else f"the permission {rules.permission}"

    return Caller(actor, storefronts, missing, Sight.CUSTOMER if has_permission(SEE_CUSTOMERS) else Sight.ORDER)


def refusal_to(caller: Caller, operation: Operation) -> OrderError | None:
    """Why the caller may not do this to any order; None when it may."""
    missing = caller.missing(OPERATIONS[operation])
    return NotPermitted(operation, missing) if missing else None
