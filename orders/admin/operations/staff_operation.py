"""An operation as staff do it: a button, a page, an entry in the list's actions.

It is shown where the table allows it for the user and for the order; the operation asks again under the lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from unfold.enums import ActionVariant

from orders import operations
from orders.admin.display.names import with_names
from orders.admin.operations.forms import OperationForm
from orders.admin.operations.parts import Part, parts_of
from orders.admin.operations.staff_requests import Staff, caller_of
from orders.models import Order
from orders.operations import Call
from orders.operations.obstacles import obstacles, plain_obstacles
from orders.rules.callers import refusal_to
from orders.rules.currencies import format_amount
from orders.rules.errors import (
    Ambiguous,
    AmountExceeded,
    MoneyOnOrder,
    NotPermitted,
    OrderError,
    OrderNotFound,
    RefundPaidOut,
    VersionMismatch,
)
from orders.rules.lifecycle import OPERATIONS, Operation

_OF_DELETED: Final = frozenset({Operation.RESTORE, Operation.RECORD_PAYMENT})


class Place(Enum):
    """Where on an order's page an operation has its button."""

    HEADER = auto()
    MENU = auto()  # of the header
    ITEMS = auto()
    SHIPMENTS = auto()
    PAYMENTS = auto()
    RETURNS = auto()
    PART = auto()  # only beside the part of the order that it is meant for


@dataclass(frozen=True, slots=True)
class StaffOperation:
    """`done` ends the sentence that begins with the order's number. The form makes what the operation takes.

    `title_many` is for several orders at once; empty, where that makes no sense.
    """

    name: Operation
    title: str
    done: str
    explanation: str
    icon: str
    place: Place
    form_class: type[OperationForm] = OperationForm
    variant: ActionVariant = ActionVariant.DEFAULT
    dangerous: bool = False
    title_many: str = ""

    @property
    def slug(self) -> str:
        """As it stands in addresses."""
        return self.name.value

    @property
    def done_many(self) -> str:
        return self.done.replace("has", "have", 1)

    def title_of(self, count: int) -> str:
        return self.title_many.replace("selected orders", "1 order" if count == 1 else f"{count} orders")

    @property
    def log_message(self) -> str:
        """For Django's own history."""
        return f"The order {self.done}"

    def told(self, document: Mapping[str, Any]) -> str:
        """`done`, of the order as it is now: open units may be left."""
        status = OPERATIONS[self.name].moves_to
        return self.done if status in (None, document["status"]) else f"{self.done.removesuffix('.')} in part."

    def allowed_to(self, user: Staff) -> bool:
        return user.has_perm("orders.view_order") and refusal_to(caller_of(user), self.name) is None

    def refusal(self, order: Order, user: Staff, *, plain: bool = False) -> OrderError | None:
        """Why the user cannot do this to the order now; None when they can.

        `plain`, where no part of the order can be named, as for several orders at once.
        """
        if order.deleted_at is not None and self.name not in _OF_DELETED:
            return OrderNotFound(order.pk)
        found = plain_obstacles if plain else obstacles
        return next(found(order, self.name, caller_of(user)), None)

    def parts(self, order: Order, user: Staff) -> list[Part]:
        """What of the order it can be meant for."""
        return parts_of(order, self.name, caller=caller_of(user))

    def perform(self, order: Order, form: OperationForm, call: Call) -> operations.Document:
        return operations.perform(self.name, order.pk, form.request(), call=call)


def staff_sentence(error: OrderError, order: Order) -> str:
    """The refusal's own words; what only means something to a program is said otherwise."""

    def money(name: str) -> str:
        return format_amount(error.extra[name], order.currency)

    match error:
        case OrderNotFound() if order.deleted_at is not None:
            return "The order has been deleted. It can be restored, and then be worked on again."
        case VersionMismatch():
            return (
                f"The order has been changed since you opened this page: it is at version "
                f"{error.extra['current_version']} now, and nothing was done."
            )
        case AmountExceeded():
            _, _, can_be = error.detail.partition("(minor units) ")
            return f"{money('requested')} was asked for, but only {money('available')} {can_be}"
        case MoneyOnOrder():
            return (
                f"{money('captured')} of captured money lie on this order. Cancel it, so that they are refunded; "
                "a canceled order can be deleted."
            )
        case RefundPaidOut():
            return (
                f"{money('refunded')} have been paid back since the order was canceled, so it cannot be reinstated. "
                "Place a new order."
            )
        case NotPermitted():
            return (
                f"You may not {_words(error)}: none of your groups allows it. Nothing was done. Ask somebody who "
                "may, or who can change your account."
            )
        case Ambiguous():
            return f"The order has {len(error.extra['choices'])} of them: choose which one is meant."
    return with_names(error.detail.replace(str(error.extra.get("operation", "")), _words(error), 1), error.actors)


def _words(error: OrderError) -> str:
    """An operation's name as it stands in a sentence."""
    return str(error.extra.get("operation", "")).replace("_", " ")
