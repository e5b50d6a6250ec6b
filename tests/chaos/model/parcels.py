"""Parcels: packed, shipped, tracked, delivered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.chaos.model.order import ModelOrder
from tests.chaos.model.parts import NEW, Asked, Hold, Parcel
from tests.chaos.model.rules import Refused
from tests.chaos.model.telling import Instructions

if TYPE_CHECKING:
    from tests.chaos.model.storefront import ModelStorefront

# Carriers whose parcels can be followed.
CARRIERS: Final = {"DHL": "https://www.dhl.com/global-en/home/tracking.html?tracking-id="}


def pack(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    parcel = _prepared(order, asked.get("shipment_id"))
    available = Counter({item.id: item.open for item in order.items})
    for other in order.shipments:
        if other is not parcel and not other.shipped_at:
            available.subtract(other.units)
    units = order.chosen_units(asked.get("items"), available)
    if not units:
        raise Refused("nothing_left")
    parcel.fill(units)
    parcel.packed_at = asked.get("packed_at") or NEW
    _set_tracking(parcel, asked)
    return []


def ship(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    """What is chosen, or what the parcel was packed with; or all that is open: packed parcels, and the rest in one."""
    _refuse_impossible(asked, "shipped_at")
    if "items" not in asked and asked.get("shipment_id") is None:
        return _ship_everything(order, asked)
    parcel = _prepared(order, asked.get("shipment_id"))
    units = order.chosen_units(asked.get("items") or parcel.items or None, order.open_units())
    parcel.fill(units)
    parcel.packed_at = asked.get("packed_at") or parcel.packed_at
    parcel.shipped_at = asked.get("shipped_at") or NEW
    _set_tracking(parcel, asked)
    for item in order.items:
        item.shipped += units.get(item.id, 0)
    if not order.is_open:
        order.status = "shipped"
    order.awaits_inventory = True
    drop_needless_parcels(order)
    return []


def _ship_everything(order: ModelOrder, asked: Asked) -> Instructions:
    left = Counter(order.open_units())
    leaving: list[tuple[Parcel, dict[str, int]]] = []
    for parcel in order.shipments:
        if not parcel.shipped_at:
            fitting = +Counter({item_id: min(count, left[item_id]) for item_id, count in parcel.units.items()})
            left.subtract(fitting)
            leaving += [(parcel, dict(fitting))] if fitting else []
    told = [parcel for parcel, _ in leaving]
    if +left:
        told = [_prepared(order, None)]
        leaving.append((told[0], dict(+left)))
    names = ("tracking_company", "tracking_number", "tracking_link", "packed_at")
    if len(told) > 1 and any(asked.get(name) is not None for name in names):
        raise Refused("ambiguous")
    for parcel, units in leaving:
        parcel.fill(units)
        parcel.shipped_at = asked.get("shipped_at") or NEW
        if any(parcel is each for each in told):
            parcel.packed_at = asked.get("packed_at") or parcel.packed_at
            _set_tracking(parcel, asked)
        for item in order.items:
            item.shipped += units.get(item.id, 0)
    order.status, order.awaits_inventory = "shipped", True
    drop_needless_parcels(order)
    return []


def track(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions | None:
    """The parcel that is named, the latest that is not there yet, or one that is announced by this."""
    parcel = None
    if asked.get("shipment_id") is not None:
        parcel = order.meant(order.shipments, asked["shipment_id"], [])
    elif order.shipments:
        parcel = ([parcel for parcel in order.shipments if not parcel.delivered_at] or order.shipments)[-1]
    tracked = parcel or Parcel()
    if not _set_tracking(tracked, asked):
        return None
    order.refuse_first("track", by)
    if tracked.delivered_at:
        raise Refused("wrong_state")
    if parcel is None:
        order.shipments.append(tracked)
    return []


def deliver(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    arrived = order.on_their_way()
    if asked.get("shipment_id") is not None:
        parcel = order.meant(order.shipments, asked["shipment_id"], [])
        if parcel not in arrived:
            raise Refused("wrong_state")
        arrived = [parcel]
    _refuse_impossible(asked, "delivered_at")
    for parcel in arrived:
        parcel.delivered_at = asked.get("delivered_at") or NEW
    return []


def complete(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    order.status = "completed"
    order.completed_parcels = [parcel.id for parcel in order.on_their_way()]
    for parcel in order.on_their_way():
        parcel.delivered_at = NEW
    return []


def undo_shipment(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    parcel = order.meant(order.shipments, asked.get("shipment_id"), order.on_their_way())
    if not parcel.shipped_at or parcel.delivered_at:
        raise Refused("wrong_state")
    if order.comes_back(parcel):
        raise Refused("units_come_back")
    parcel.shipped_at = None
    for item in order.items:
        item.shipped -= parcel.units.get(item.id, 0)
    order.status, order.awaits_inventory = "confirmed", True
    return []


def undo_delivery(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    parcel = order.meant(order.shipments, asked.get("shipment_id"), order.arrived())
    if not parcel.delivered_at:
        raise Refused("wrong_state")
    parcel.delivered_at = None
    return []


def undo_completion(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions:
    """Parcels that were delivered before stay so; then a hold keeps the sweeper from completing it again."""
    order.status = "shipped"
    for parcel in order.shipments:
        if parcel.id in order.completed_parcels:
            parcel.delivered_at = None
    if order.delivered_at:
        order.holds.append(Hold("manual", ["complete"], by))
    return []


def _refuse_impossible(asked: Asked, *names: str) -> None:
    """The only moment that is ever drawn is one before any order was placed."""
    if any(asked.get(name) is not None for name in names):
        raise Refused("validation_error")


def drop_needless_parcels(order: ModelOrder) -> None:
    """Of an order without open units no packed parcel can leave any more; announced tracking stays."""
    if not order.is_open:
        order.shipments = [parcel for parcel in order.shipments if parcel.shipped_at or not parcel.items]


def _prepared(order: ModelOrder, shipment_id: str | None) -> Parcel:
    """The parcel with the id; without one that of which only the tracking is known, or a new one."""
    if shipment_id is not None:
        parcel = order.meant(order.shipments, shipment_id, [])
        if parcel.shipped_at:
            raise Refused("wrong_state")
        return parcel
    announced = [parcel for parcel in order.shipments if not parcel.shipped_at and not parcel.items]
    if not announced:
        order.shipments.append(Parcel())
    return (announced or order.shipments)[-1]


def _set_tracking(parcel: Parcel, asked: Asked) -> bool:
    """Put what is given into the parcel; tell whether it differs. A link nobody gave is built anew."""
    before = (parcel.tracking_company, parcel.tracking_number, parcel.tracking_link)
    nobody_gave_it = parcel.tracking_link in (None, _link(parcel))
    for name in ("tracking_company", "tracking_number", "tracking_link"):
        if name in asked:
            setattr(parcel, name, asked[name])
    renamed = (parcel.tracking_company, parcel.tracking_number) != before[:2]
    if renamed and nobody_gave_it and "tracking_link" not in asked:
        parcel.tracking_link = _link(parcel)
    return (parcel.tracking_company, parcel.tracking_number, parcel.tracking_link) != before


def _link(parcel: Parcel) -> str | None:
    address = CARRIERS.get(parcel.tracking_company or "")
    return f"{address}{parcel.tracking_number}" if address and parcel.tracking_number else None
