"""What other systems are told of an order."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from events.outbox import NewEvent
from orders.announcing.changes import Change
from orders.models import RequestedOrder
from orders.rules.ids import new_timed_id

ORDER_CREATED: Final = "order.created"
ORDER_UPDATED: Final = "order.updated"
ORDER_DELETED: Final = "order.deleted"
ORDER_RESTORED: Final = "order.restored"
# Of an order that was asked for and never came to be: the only event of its id.
ORDER_REJECTED: Final = "order.rejected"
EVENT_TYPES: Final = (ORDER_CREATED, ORDER_UPDATED, ORDER_DELETED, ORDER_RESTORED, ORDER_REJECTED)

# The log is append-only, so an erasure could not reach into it: what names or describes a person is kept beside it.
PERSONAL_FIELDS: Final = frozenset({"contact", "shipping_address", "billing_address", "note", "metadata"})


def without_personal_data(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in PERSONAL_FIELDS}


def with_link_to_order(order_id: UUID, data: dict[str, Any]) -> dict[str, Any] | None:
    """The data of an event that is too large for its way: a link where its order was, as it was at that version."""
    if "order" not in data:
        return None
    rest = {name: value for name, value in data.items() if name != "order"}
    return {**rest, "order_url": f"/api/v1/orders/{order_id}?version={data['version']}"}


def event_of(change: Change) -> NewEvent:
    """The event that tells a change: the order after it, and each changed field before and after.

    Of personal fields the changes tell only the name, with null on both sides.
    """
    told = change.document if change.version == 1 else change.after
    personal = {
        name: change.document[name]
        for name in sorted(PERSONAL_FIELDS & told.keys())
        if change.version > 1 or _says_something(change.document[name])
    }
    changes = {
        name: [None, None] if name in PERSONAL_FIELDS else [change.before.get(name), change.after.get(name)]
        for name in change.after
    }
    return NewEvent(
        id=new_timed_id(),
        storefront_id=change.storefront_id,
        source=f"/storefronts/{change.storefront_code}",
        stream_id=change.order_id,
        sequence=change.version,
        type=change.type,
        occurred_at=change.occurred_at,
        actor=change.origin.actor,
        reason=change.origin.reason,
        personal=personal,
        request_id=change.origin.request_id,
        trace=change.origin.trace,
        data={
            "order": without_personal_data(change.document),
            "operation": change.operation,
            "changes": changes,
            "instructions": list(change.instructions),
            "version": change.version,
            **({} if change.cause is None else {"cause": change.cause}),
        },
    )


def rejection_event(request: RequestedOrder, *, rejected_at: datetime) -> NewEvent:
    """The event that tells that an order was asked for and will not be."""
    return NewEvent(
        id=new_timed_id(),
        storefront_id=request.storefront_id,
        source=f"/storefronts/{request.storefront.code}",
        stream_id=request.pk,
        sequence=1,
        type=ORDER_REJECTED,
        occurred_at=rejected_at,
        actor=request.actor,
        reason=request.reason,
        request_id=request.request_id,
        trace=request.trace,
        data={
            "request": {
                "id": request.pk,
                "storefront": request.storefront.code,
                "customer_id": request.customer_id or None,
                "external_reference": request.external_reference,
            },
            "operation": "place",
            "rejection": request.rejection,
        },
    )


def _says_something(value: Any) -> bool:
    return any(value.values()) if isinstance(value, Mapping) else bool(value)
