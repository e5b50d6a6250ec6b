"""Parcels: packed, shipped, tracked, delivered; and the end of an order that has arrived."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import UNSET, UnsetType

from orders.models import Order, Shipment, ShipmentItem
from orders.operations.call import Call, Document
from orders.operations.carriers import tracking_link
from orders.operations.locked_order import LockedOrder, locked_order
from orders.operations.obstacles import all_is_packed, units_to_pack
from orders.operations.units import chosen_units, open_units, units_by_parcel
from orders.requests.operations import Deliver, Packing, Parcel, Plain, Tracking, Units
from orders.rules import errors
from orders.rules.lifecycle import Operation
from orders.rules.moments import refuse_impossible_moment


def pack_order(order_id: UUID, request: Packing, *, call: Call) -> Document:
    """Prepare a parcel, or prepare one anew by its id. Its units stay open until it is shipped.

    Raises QuantityExceeded when units are asked for that other parcels have been packed with.
    """
    with locked_order(order_id, Operation.PACK, call) as locked:
        order = locked.order
        shipment = _prepared(order, request.shipment_id)
        units = chosen_units(order, request.items, available=units_to_pack(order, but=shipment.pk), verb="packed")
        if not units:
            raise all_is_packed()
        shipment.packed_at = request.packed_at or call.now()
        _track(locked, shipment, request)
        _save_parcel(order, shipment, units)
        return locked.commit()


def ship_order(order_id: UUID, request: Parcel, *, call: Call) -> Document:
    """Units have left: chosen ones, or those of a packed parcel; else all, packed parcels as they were packed and the
    rest in one more. What is told of how they travel is about that one, or the only one.

    Raises QuantityExceeded, UnknownPart, WrongState, or Ambiguous when several packed parcels leave by one number.
    """
    with locked_order(order_id, Operation.SHIP, call) as locked:
        order = locked.order
        _refuse_impossible(request, "shipped_at", call, after=order.placed_at, what="the order was placed")
        if request.shipment_id is UNSET and request.items is UNSET:
            loads = _everything(order)
        else:
            shipment = _prepared(order, request.shipment_id)
            packed = [Units(item_id, quantity) for item_id, quantity in shipment.units().items()]
            units = chosen_units(order, request.items or packed or UNSET, available=open_units(order), verb="shipped")
            loads = [_Load(shipment, units)]
        told = [load for load in loads if not load.is_packed] or loads
        if len(told) > 1 and _tells_of_one(request):
            raise errors.Ambiguous("shipment", [load.shipment.pk for load in told])
        for load in loads:
            load.shipment.shipped_at = request.shipped_at or call.now()
            if load in told:
                load.shipment.packed_at = request.packed_at or load.shipment.packed_at
            packed_at = load.shipment.packed_at
            _refuse_impossible(request, "shipped_at", call, after=packed_at, what="the parcel was packed")
            if load in told:
                _track(locked, load.shipment, request)
            _save_parcel(order, load.shipment, load.units)
            order.ship_units(load.units)
        order.stock_changed()
        drop_needless_parcels(order)
        return locked.commit()


class _Load(NamedTuple):
    """A parcel that leaves, and with what."""

    shipment: Shipment
    units: Mapping[UUID, int]
    is_packed: bool = False


def _everything(order: Order) -> list[_Load]:
    """Packed parcels with what of their units is open still, and the unpacked rest in one more."""
    packed, rest = units_by_parcel(order)
    loads = [_Load(parcel, units, is_packed=True) for parcel, units in packed]
    return [*loads, _Load(_announced_or_new(order), rest)] if rest else loads


def _tells_of_one(request: Parcel) -> bool:
    told = (request.tracking_company, request.tracking_number, request.tracking_link, request.packed_at)
    return any(value not in (UNSET, None) for value in told)


def track_shipment(order_id: UUID, request: Tracking, *, call: Call) -> Document:
    """Set or correct carrier, number and link of a parcel (the latest, without an id), until it is delivered.

    It can be announced before anything is packed. What is given already is no change, no version and no event.
    """
    with locked_order(order_id, Operation.TRACK, call, checked=False) as locked:
        order = locked.order
        shipment = _tracked(order, request.shipment_id)
        if not _track(locked, shipment, request):
            return locked.unchanged()
        locked.check(Operation.TRACK)
        if shipment.delivered_at is not None:
            raise errors.WrongState("shipment", "delivered", "on its way")
        _save(order, shipment, "tracking_company", "tracking_number", "tracking_link")
        return locked.commit()


def deliver_order(order_id: UUID, request: Deliver, *, call: Call) -> Document:
    """A parcel has arrived; without an id, all that are on their way."""
    with locked_order(order_id, Operation.DELIVER, call) as locked:
        order = locked.order
        shipments = order.parts.parcels
        arrived = [parcel for parcel in shipments if parcel.state == "on its way"]
        if request.shipment_id is not UNSET:
            chosen = [parcel for parcel in shipments if parcel.pk == request.shipment_id]
            if not chosen:
                raise errors.UnknownPart("shipment", request.shipment_id)
            if chosen[0] not in arrived:
                raise errors.WrongState("shipment", chosen[0].state, "on its way")
            arrived = chosen
        for parcel in arrived:
            shipped_at = parcel.shipped_at
            _refuse_impossible(request, "delivered_at", call, after=shipped_at, what="the parcel was shipped")
        delivered_at = request.delivered_at or call.now()
        for parcel in arrived:
            parcel.delivered_at = delivered_at
            order.parts.change(parcel, "delivered_at")
        order.derive_delivery()
        return locked.commit()


def complete_order(order_id: UUID, request: Plain, *, call: Call) -> Document:
    """Close a shipped order: its parcels have arrived."""
    with locked_order(order_id, Operation.COMPLETE, call) as locked:
        order = locked.order
        order.complete()
        for parcel in order.parts.parcels:
            if parcel.state == "on its way":
                parcel.delivered_at = call.now()
                order.parts.change(parcel, "delivered_at")
        order.derive_delivery()
        return locked.commit()


def _refuse_impossible(request: Deliver | Packing, name: str, call: Call, *, after: datetime | None, what: str) -> None:
    """Raises InvalidRequest. History is taken with its oddities."""
    if call.at is None:
        refuse_impossible_moment(name, getattr(request, name), now=call.now(), after=after, what=what)


def drop_needless_parcels(order: Order) -> None:
    """Packed parcels of which nothing can leave any more are gone; announced tracking stays."""
    if not any(item.open for item in order.lines):
        drop_parcels(order, [parcel for parcel in order.parts.parcels if parcel.shipped_at is None and parcel.contents])


def drop_parcels(order: Order, needless: Collection[Shipment]) -> None:
    for parcel in needless:
        order.parts.remove(parcel, *parcel.contents)
    order.parts.parcels = [parcel for parcel in order.parts.parcels if parcel not in needless]


def _prepared(order: Order, shipment_id: UUID | UnsetType) -> Shipment:
    """The parcel with the id; without one that of which only the tracking is known, or a new one."""
    if shipment_id is not UNSET:
        for parcel in order.parts.parcels:
            if parcel.pk == shipment_id:
                if parcel.shipped_at is not None:
                    raise errors.WrongState("shipment", "shipped", "being prepared")
                return parcel
        raise errors.UnknownPart("shipment", shipment_id)
    return _announced_or_new(order)


def _announced_or_new(order: Order) -> Shipment:
    announced = [parcel for parcel in order.parts.parcels if parcel.shipped_at is None and not parcel.units()]
    return announced[-1] if announced else _new_parcel(order)


def _tracked(order: Order, shipment_id: UUID | UnsetType) -> Shipment:
    """The parcel with the id; without one the latest that is not there yet, or a new one."""
    parcels = order.parts.parcels
    if shipment_id is not UNSET:
        for parcel in parcels:
            if parcel.pk == shipment_id:
                return parcel
        raise errors.UnknownPart("shipment", shipment_id)
    on_the_way = [parcel for parcel in parcels if parcel.delivered_at is None]
    return (on_the_way or parcels or [_new_parcel(order)])[-1]


def _new_parcel(order: Order) -> Shipment:
    return Shipment(order=order, storefront_id=order.storefront_id)


def _save(order: Order, shipment: Shipment, *columns: str) -> None:
    if shipment in order.parts.parcels:
        order.parts.change(shipment, *columns)
    else:
        order.parts.parcels.append(shipment)
        order.parts.add(shipment)


def _save_parcel(order: Order, shipment: Shipment, units: Mapping[UUID, int]) -> None:
    _save(order, shipment, "packed_at", "shipped_at", "tracking_company", "tracking_number", "tracking_link")
    if shipment.units() != units:
        order.parts.remove(*shipment.contents)
        shipment.contents = [
            ShipmentItem(shipment=shipment, item_id=item_id, storefront_id=shipment.storefront_id, quantity=quantity)
            for item_id, quantity in units.items()
        ]
        order.parts.add(*shipment.contents)


def _track(locked: LockedOrder, shipment: Shipment, tracking: Tracking) -> bool:
    """Put what is given into the parcel; tell whether it differs. A link nobody gave is built anew."""
    before = (shipment.tracking_company, shipment.tracking_number, shipment.tracking_link)
    built_before = tracking_link(locked.order.storefront, before[0], before[1])
    for name in ("tracking_company", "tracking_number", "tracking_link"):
        value = getattr(tracking, name)
        if value is not UNSET:
            setattr(shipment, name, value)
    after = (shipment.tracking_company, shipment.tracking_number, shipment.tracking_link)
    if tracking.tracking_link is UNSET and after[:2] != before[:2] and before[2] in (None, built_before):
        shipment.tracking_link = tracking_link(locked.order.storefront, after[0], after[1])
    return (shipment.tracking_company, shipment.tracking_number, shipment.tracking_link) != before
