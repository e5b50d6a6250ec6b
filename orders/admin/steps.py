"""What staff may do with an order: each step is a button, a page and an entry in the list's actions.

A step is shown where the user's permissions and the order allow it. What the order allows is asked of the
order itself, by trying the step on a copy; the operation asks again under the lock.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone
from unfold.enums import ActionVariant

from orders import operations
from orders.admin.staff_requests import Staff
from orders.admin.step_forms import CancelForm, DetailsForm, ReasonedForm, StepForm, TrackingForm
from orders.changes import Origin
from orders.errors import OrderError, OrderNotFound, VersionMismatch
from orders.models import Order
from orders.operations import Precondition
from orders.statuses import CancelReason

Document = dict[str, Any]
Perform = Callable[[UUID, Any, Origin, Precondition], Document]


@dataclass(frozen=True, slots=True)
class Step:
    """`slug` stands in addresses. `done` ends the sentence that begins with the order's number."""

    slug: str
    title: str
    done: str
    explanation: str
    icon: str
    permissions: Sequence[str]  # any of them is enough
    form_class: type[StepForm]
    attempt: Callable[[Order], object]  # on a copy; raises what the operation would
    perform: Perform
    variant: ActionVariant = ActionVariant.DEFAULT
    dangerous: bool = False

    @property
    def done_many(self) -> str:
        return self.done.replace("has been", "have been")

    @property
    def log_message(self) -> str:
        """For Django's own history."""
        return f"The order {self.done}"

    def allowed_to(self, user: Staff) -> bool:
        return user.has_perm("orders.view_order") and any(map(user.has_perm, self.permissions))

    def refusal(self, order: Order) -> OrderError | None:
        """Why this order cannot take the step now; None when it can."""
        if order.deleted_at is not None and self.slug != "restore":
            return OrderNotFound(order.pk)
        try:
            self.attempt(copy.copy(order))
        except OrderError as error:
            return error
        return None


def staff_sentence(error: OrderError) -> str:
    """The refusal's own words; only the header of an HTTP request means nothing to staff."""
    if isinstance(error, VersionMismatch):
        return (
            f"The order has been changed since you opened this page: it is at version "
            f"{error.extra['current_version']} now, and nothing was done. Look at it again, then decide."
        )
    return error.detail


def _details(order_id: UUID, form: DetailsForm, origin: Origin, precondition: Precondition) -> Document:
    return operations.change_details(
        order_id, form.details, storefront_id=None, origin=origin, precondition=precondition
    )


def _track(order_id: UUID, form: TrackingForm, origin: Origin, precondition: Precondition) -> Document:
    return operations.track_shipment(
        order_id, form.tracking, storefront_id=None, origin=origin, precondition=precondition
    )


def _confirm(order_id: UUID, form: StepForm, origin: Origin, precondition: Precondition) -> Document:
    return operations.confirm_order(order_id, storefront_id=None, origin=origin, precondition=precondition)


def _ship(order_id: UUID, form: TrackingForm, origin: Origin, precondition: Precondition) -> Document:
    return operations.ship_order(
        order_id, storefront_id=None, origin=origin, tracking=form.tracking, precondition=precondition
    )


def _complete(order_id: UUID, form: StepForm, origin: Origin, precondition: Precondition) -> Document:
    return operations.complete_order(order_id, storefront_id=None, origin=origin, precondition=precondition)


def _cancel(order_id: UUID, form: CancelForm, origin: Origin, precondition: Precondition) -> Document:
    return operations.cancel_order(
        order_id,
        storefront_id=None,
        origin=origin,
        cause=CancelReason(form.cleaned_data["cause"]),
        precondition=precondition,
    )


def _delete(order_id: UUID, form: StepForm, origin: Origin, precondition: Precondition) -> Document:
    return operations.delete_order(order_id, storefront_id=None, origin=origin, precondition=precondition)


def _restore(order_id: UUID, form: StepForm, origin: Origin, precondition: Precondition) -> Document:
    # A deleted order can only be restored, so it has not changed since it was looked at.
    return operations.restore_order(order_id, storefront_id=None, origin=origin)


STEPS: dict[str, Step] = {
    step.slug: step
    for step in (
        Step(
            slug="confirm",
            title="Confirm",
            done="has been confirmed.",
            explanation="The order is accepted, and its stock stays held until it is shipped or canceled.",
            icon="check_circle",
            permissions=["orders.confirm_order"],
            form_class=StepForm,
            attempt=Order.confirm,
            perform=_confirm,
            variant=ActionVariant.PRIMARY,
        ),
        Step(
            slug="ship",
            title="Ship",
            done="has been shipped.",
            explanation="Every open unit has left, in one parcel. Items and addresses can no longer be changed.",
            icon="local_shipping",
            permissions=["orders.ship_order"],
            form_class=TrackingForm,
            attempt=Order.ship,
            perform=_ship,
            variant=ActionVariant.PRIMARY,
        ),
        Step(
            slug="complete",
            title="Complete",
            done="has been completed.",
            explanation="The parcels have arrived, and the order is closed.",
            icon="task_alt",
            permissions=["orders.ship_order"],
            form_class=StepForm,
            attempt=Order.complete,
            perform=_complete,
            variant=ActionVariant.PRIMARY,
        ),
        Step(
            slug="details",
            title="Change details",
            done="has been changed.",
            explanation="Note, contact and addresses. The note can be changed at any time.",
            icon="edit",
            permissions=["orders.change_order_details"],
            form_class=DetailsForm,
            attempt=lambda order: None,
            perform=_details,
        ),
        Step(
            slug="tracking",
            title="Tracking",
            done="has new tracking details.",
            explanation="How the latest parcel travels. It can be entered before the parcel leaves.",
            icon="pin_drop",
            # Who sends parcels may also correct what is written on them.
            permissions=["orders.change_order_details", "orders.ship_order"],
            form_class=TrackingForm,
            attempt=lambda order: order.check_editable("tracking"),
            perform=_track,
        ),
        Step(
            slug="cancel",
            title="Cancel order",
            done="has been canceled.",
            explanation="The order ends and its stock is released. This cannot be undone.",
            icon="cancel",
            permissions=["orders.cancel_order"],
            form_class=CancelForm,
            attempt=lambda order: order.cancel(CancelReason.STAFF),
            perform=_cancel,
            dangerous=True,
        ),
        Step(
            slug="delete",
            title="Delete",
            done="has been deleted.",
            explanation="The order leaves the lists and the API, and a pending one releases its stock. "
            "It is kept whole and can be restored.",
            icon="delete",
            permissions=["orders.delete_order"],
            form_class=ReasonedForm,
            attempt=lambda order: order.mark_deleted(now=timezone.now(), by="", reason=""),
            perform=_delete,
            dangerous=True,
        ),
        Step(
            slug="restore",
            title="Restore",
            done="has been restored.",
            explanation="The order comes back into the lists and the API. "
            "A pending one gets its stock held again, if there is still enough.",
            icon="restore_from_trash",
            permissions=["orders.restore_order"],
            form_class=StepForm,
            attempt=lambda order: order.mark_restored(reservation_id=None, reserved_until=None),
            perform=_restore,
            variant=ActionVariant.PRIMARY,
        ),
    )
}

# Steps that make sense for several orders at once.
BULK_STEPS: tuple[Step, ...] = tuple(STEPS[slug] for slug in ("confirm", "cancel", "delete", "restore"))
