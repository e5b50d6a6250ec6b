"""Accepting, changing, holding up, ending and hiding an order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.chaos.model.credits import credit_units, take_back
from tests.chaos.model.money import grant, void, what_is_over, withdraw, withdraw_voids
from tests.chaos.model.order import Ended, ModelOrder, address_of
from tests.chaos.model.parcels import drop_needless_parcels
from tests.chaos.model.parts import NEW, Asked, Hold
from tests.chaos.model.rules import BLOCKED_BY
from tests.chaos.model.telling import Instructions

if TYPE_CHECKING:
    from tests.chaos.model.storefront import ModelStorefront


def confirm(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    order.status, order.awaits_inventory = "confirmed", True
    return []


def extend(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions | None:
    """A longer hold is not shortened."""
    if datetime.fromisoformat(order.reserved_until) >= datetime.now(UTC) + timedelta(minutes=asked["minutes"]):
        return None
    order.reserved_until = NEW
    return []


def change_details(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions | None:
    """Each part is allowed on its own, and asked about only when it differs. Objects are merged."""
    wanted: list[tuple[str, str, Any]] = [("change_details", "note", asked["note"])] if "note" in asked else []
    if "metadata" in asked:
        wanted.append(("change_details", "metadata", order.metadata | asked["metadata"]))
    if "tags" in asked:
        wanted.append(("change_details", "tags", sorted(set(asked["tags"]))))
    if "contact" in asked:
        wanted.append(("change_contact", "contact", order.contact | asked["contact"]))
    addresses = [name for name in ("shipping_address", "billing_address") if name in asked]
    for name in addresses:
        merged = None if asked[name] is None else (getattr(order, name) or {}) | asked[name]
        wanted.append(("change_address", name, address_of(merged)))
    changed = False
    for operation, name, value in wanted:
        if getattr(order, name) != value:
            order.refuse_first(operation, by)
            setattr(order, name, value)
            changed = True
    return [] if changed else None


def change_customer(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions | None:
    if order.customer_id == asked["customer_id"]:
        return None
    order.customer_id = asked["customer_id"]
    return []


def cancel(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    """End open units. The order ends with the last of them, unless some have been shipped."""
    units = order.chosen_units(asked.get("items"), order.open_units())
    ended = {item.id: item.canceled + item.returned for item in order.items}
    ended_from = Ended(
        order.status,
        {item.id: item.canceled for item in order.items},
        len(order.credits),
        len(order.refunds),
        [refund.id for refund in order.refunds if not refund.agreed],
        [refund.settled_amount for refund in order.refunds],
        order.refunded,
    )
    for item in order.items:
        item.canceled += units.get(item.id, 0)
    order.awaits_inventory = True
    if not order.is_open:
        if order.has_shipped:
            order.status = "shipped"
        else:
            order.status, order.cancel_reason = "canceled", asked.get("cause", "customer")
            order.ended_from = ended_from
    drop_needless_parcels(order)
    credit = credit_units(order, "canceled", units, ended, amount=asked.get("amount"))
    return what_is_over(order, by, storefront, since=credit)


def reinstate(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    """As it was before it was canceled; what it was credited with since is taken back, open refunds are withdrawn."""
    ended = order.ended_from
    assert ended is not None
    told = withdraw(order.refunds[ended.refunds :], order, by) + withdraw_voids(order)
    for item in order.items:
        item.canceled = ended.canceled[item.id]
    order.status, order.cancel_reason, order.ended_from = ended.status, None, None
    take_back(order, order.credits[ended.credits :])
    for refund in order.refunds:
        if refund.id in ended.not_agreed and refund.state in ("approved", "settled"):
            grant(order, refund)
    return told


def expire(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    return cancel(order, {"cause": "expired"}, by, storefront)


def comment(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    """It stands in the timeline alone."""
    return []


def hold(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    order.holds.append(Hold(asked["kind"], sorted(set(asked.get("blocks") or BLOCKED_BY[asked["kind"]])), by))
    return []


def release_hold(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    order.holds.remove(order.meant(order.holds, asked.get("hold_id"), order.holds))
    return []


def delete(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    """A pending order gives its stock back."""
    order.deleted = True
    if order.status == "pending":
        order.awaits_inventory = True
        return void(order)
    return []


def restore(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    order.deleted = False
    return withdraw_voids(order) if order.status == "pending" else []
