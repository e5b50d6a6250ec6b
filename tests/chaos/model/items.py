"""Items and their sums, when an order is placed and when it is amended."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tests.chaos.model.credits import correct_canceled
from tests.chaos.model.money import what_is_over
from tests.chaos.model.order import ModelOrder
from tests.chaos.model.parts import NEW, Asked, Item
from tests.chaos.model.rules import Refused
from tests.chaos.model.telling import Instructions

if TYPE_CHECKING:
    from tests.chaos.model.storefront import ModelStorefront

# What an amendment changes.
_AMENDED: Final = ("items", "items_amount", "shipping_amount", "tax_amount", "discount_amount", "total_amount")


def amend(order: ModelOrder, asked: Asked, by: str, storefront: ModelStorefront) -> Instructions | None:
    before = order.document()
    was = copy.deepcopy(order)
    of_items = {n: sum(getattr(x, n) or 0 for x in order.items) for n in ("tax_amount", "discount_amount")}
    had_prices = any(item.line_amount is not None for item in order.items)
    items = {item.id: item for item in order.items}
    named = set[str]()
    for line in asked["items"]:
        if "item_id" not in line:
            if "product_id" not in line or not line["quantity"]:
                raise Refused("validation_error")
            order.items.append(new_item(line))
            continue
        if line["item_id"] in named:
            raise Refused("validation_error")
        if line["item_id"] not in items:
            raise Refused("unknown_part")
        named.add(line["item_id"])
        _change(order, items[line["item_id"]], line)
    if not order.is_open:
        raise Refused("no_items_left")
    if had_prices and "items_amount" not in asked and not any(item.line_amount is not None for item in order.items):
        raise Refused("validation_error")  # the sum went with the prices
    sum_up(order, asked, storefront, of_items)
    after = order.document()
    added = any(item.id is NEW for item in order.items)
    if not added and all(after[name] == before[name] for name in _AMENDED):
        return None
    correct_canceled(order, was)
    return what_is_over(order, by, storefront)


def new_item(line: Asked) -> Item:
    told = (line.get("amount"), line.get("discount_amount"), line.get("tax_amount"))
    return Item(line["product_id"], line.get("name"), line["quantity"], line.get("unit_amount"), *told)


def _change(order: ModelOrder, item: Item, line: Asked) -> None:
    """Of what has been canceled the record stays. What is gone is gone from parcels that are being prepared, too."""
    if item.shipped:
        raise Refused("item_shipped")
    if line.get("product_id", item.product_id) != item.product_id:
        raise Refused("validation_error")
    if line["quantity"] and line["quantity"] < item.canceled:
        raise Refused("validation_error")
    quantity = line["quantity"] or item.canceled
    for name in ("line", "discount_amount", "tax_amount"):
        told = getattr(item, name)
        if name == "line" and line.get("unit_amount") is not None:
            item.line = None
        elif told is not None and quantity != item.quantity:
            whole, rest = divmod(quantity, item.quantity)
            each, more = divmod(told, item.quantity)
            setattr(item, name, whole * told + rest * each + min(rest, more))
    item.quantity = quantity
    for name in ("unit_amount", "name"):
        if line.get(name) is not None:
            setattr(item, name, line[name])
    if item.quantity:
        return
    order.items.remove(item)
    for parcel in [parcel for parcel in order.shipments if item.id in parcel.units]:
        parcel.items = [units for units in parcel.items if units["item_id"] != item.id]
        if not parcel.items:
            order.shipments.remove(parcel)


def sum_up(
    order: ModelOrder, asked: Asked, storefront: ModelStorefront, before: Mapping[str, int] = MappingProxyType({})
) -> None:
    """Amounts that are absent stay; sums that are given have to be right."""
    prices = _sum_of(order.items)
    if any((item.discount_amount or 0) > (item.line_amount or 0) for item in order.items):
        raise Refused("validation_error")
    order.shipping_amount = asked.get("shipping_amount", order.shipping_amount)
    for name in ("tax_amount", "discount_amount"):
        of_items = sum(getattr(item, name) or 0 for item in order.items)
        setattr(order, name, asked.get(name, getattr(order, name) - before.get(name, 0) + of_items))
        if getattr(order, name) < of_items:
            raise Refused("totals_mismatch")
    order.items_amount = asked.get("items_amount", order.items_amount) if prices is None else prices
    order.total_amount = asked.get("total_amount", order.total_amount)
    if order.items_amount is not None:
        tax = 0 if order.tax_included else order.tax_amount
        order.total_amount = order.items_amount + order.shipping_amount + tax - order.discount_amount
    for name in ("items_amount", "total_amount"):
        if asked.get(name, getattr(order, name)) != getattr(order, name):
            raise Refused("totals_mismatch")
    if order.total_amount is not None:
        if order.total_amount < 0:
            raise Refused("validation_error")
        order.currency = order.currency or storefront.currency


def _sum_of(items: Sequence[Item]) -> int | None:
    """None when the items have no prices."""
    priced = [item.line_amount is not None for item in items]
    if any(priced) and not all(priced):
        raise Refused("validation_error")
    return sum(item.line_amount or 0 for item in items) if any(priced) else None
