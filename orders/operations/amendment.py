"""What the items and amounts of an order become by an amendment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from orders.models import Order, OrderItem
from orders.models.shipments import load_contents
from orders.operations.call import Call
from orders.operations.crediting import write_credit
from orders.operations.shipping import drop_parcels
from orders.requests.operations import Amend, AmendedItem
from orders.rules import errors
from orders.rules.credits import Credited, CreditedLine, Sold, line_totals, scaled, share_of_units
from orders.rules.limits import refuse_items
from orders.rules.money import (
    refuse_discount_beyond,
    refuse_less_than_items,
    refuse_sum_out_of_range,
    refuse_wrong_sum,
    total_sum,
    unknown_currency,
)
from orders.rules.statuses import CreditCause


class Amendment:
    """The items as they are to be: `order` has them and their sums in memory; `write` saves them."""

    def __init__(self, order: Order, request: Amend) -> None:
        self._order = order
        before = _told(order)
        of_items_before = _of_items(order.lines)
        self._sold_before = order.sold() if order.total_amount is not None else None
        items = {item.pk: item for item in order.lines}
        self._amended: list[OrderItem] = []
        self._removed: list[OrderItem] = []
        self._added: list[OrderItem] = []
        position = max((item.position for item in items.values()), default=-1)
        for index, wanted in enumerate(request.items):
            if wanted.item_id is None:
                position += 1
                self._added.append(_new_item(order, wanted, index=index, position=position))
                continue
            item = items.pop(wanted.item_id, None)
            if item is None:
                if any(item.pk == wanted.item_id for item in order.lines):
                    raise _refused(index, "item_id", "not_unique", "An item stands here twice; name each once")
                raise errors.UnknownPart("item", wanted.item_id, f"/items/{index}/item_id")
            _change(item, wanted, index=index)
            if item.quantity:
                self._amended.append(item)
            else:
                self._removed.append(item)
        left = [item for item in order.lines if item not in self._removed] + self._added
        if not any(item.open for item in left):
            raise errors.NoItemsLeft()
        refuse_items(len(left), last_position=position)
        _sum_up(order, left, request, of_items_before=of_items_before)
        order.take_lines(left)
        self._correction = self._corrected_credits()
        order.derive_money()
        self.changes_anything = _told(order) != before

    def write(self, call: Call) -> None:
        write_credit(self._order, call, CreditCause.AMENDED, self._correction)
        parts = self._order.parts
        _unpack(self._order, {item.pk for item in self._removed})
        parts.remove(*self._removed)
        for item in self._amended:
            parts.change(item, "quantity", "unit_amount", "name", "amount", "discount_amount", "tax_amount")
        parts.add(*self._added)

    def _corrected_credits(self) -> Credited:
        """By how much more, or less, the canceled units are to be credited now that they are worth something else.

        Raises InvalidRequest when more has been credited already than the order costs now.
        """
        order = self._order
        if self._sold_before is None or order.total_amount is None:
            return Credited([])
        canceled = {item.pk: item.canceled for item in order.lines if item.canceled}
        were, are = _shares(self._sold_before, canceled), _shares(order.sold(), canceled)
        wanted = sum(are.values()) - sum(were.values())
        correction = max(-order.canceled_amount, min(wanted, order.total_amount - order.credited_amount))
        if order.credited_amount + correction > order.total_amount:
            detail = (
                f"It would be {order.total_amount}, but {order.credited_amount} have been credited already; "
                "the total cannot be less"
            )
            raise errors.InvalidRequest.beside_order("/total_amount", "out_of_range", detail)
        lines = [CreditedLine(item_id, 0, are[item_id] - were[item_id]) for item_id in canceled]
        if correction == wanted:
            return Credited([line for line in lines if line.amount])
        return Credited([], other=correction)


def _shares(sold: Sold, units: Mapping[UUID, int]) -> dict[UUID, int]:
    return {
        line.item_id: share_of_units(total, line.quantity, before=0, units=units[line.item_id])
        for line, total in zip(sold.lines, line_totals(sold), strict=True)
        if line.item_id in units
    }


def _told(order: Order) -> list[object]:
    """What an amendment may change."""
    amounts = (order.items_amount, order.shipping_amount, order.tax_amount, order.discount_amount, order.total_amount)
    return [
        amounts,
        *(
            (item.pk, item.quantity, item.unit_amount, item.name, item.amount, item.discount_amount, item.tax_amount)
            for item in order.lines
        ),
    ]


def _unpack(order: Order, item_ids: Collection[UUID]) -> None:
    """Take items out of parcels that are being prepared; a parcel left empty is gone."""
    if not item_ids:
        return
    load_contents(order.parts.parcels)
    for parcel in list(order.parts.parcels):
        gone = [line for line in parcel.contents if line.item_id in item_ids]
        order.parts.remove(*gone)
        parcel.contents = [line for line in parcel.contents if line not in gone]
        if gone and not parcel.contents:
            drop_parcels(order, [parcel])


def _new_item(order: Order, wanted: AmendedItem, *, index: int, position: int) -> OrderItem:
    if wanted.product_id is None:
        raise _refused(index, "product_id", "required", "A new item needs a product_id, an old one its item_id")
    if wanted.quantity == 0:
        raise _refused(index, "quantity", "out_of_range", "A new item needs at least one unit")
    return OrderItem(
        order=order,
        storefront_id=order.storefront_id,
        position=position,
        product_id=wanted.product_id,
        name=wanted.name,
        quantity=wanted.quantity,
        unit_amount=wanted.unit_amount,
        amount=wanted.amount,
        discount_amount=wanted.discount_amount,
        tax_amount=wanted.tax_amount,
    )


def _change(item: OrderItem, wanted: AmendedItem, *, index: int) -> None:
    """Quantity 0 takes the item away; of what has been canceled of it the record stays."""
    if item.shipped:
        raise errors.ItemShipped(item.pk, item.product_id, item.shipped)
    if wanted.product_id not in (None, item.product_id):
        detail = f"The item is {item.product_id}; remove it and add another"
        raise errors.InvalidRequest.beside_order(f"/items/{index}/product_id", "not_changeable", detail)
    if wanted.quantity and wanted.quantity < item.canceled:
        detail = f"{item.canceled} units of the item are canceled; order at least those"
        raise errors.InvalidRequest.beside_order(f"/items/{index}/quantity", "out_of_range", detail)
    quantity = wanted.quantity or item.canceled
    for name in ("amount", "discount_amount", "tax_amount"):
        told: int | None = getattr(item, name)
        if (given := getattr(wanted, name)) is not None:
            setattr(item, name, given)
        elif name == "amount" and wanted.unit_amount is not None:
            item.amount = None  # the new price of a unit says what the line costs
        elif told is not None and quantity != item.quantity:
            setattr(item, name, scaled(told, quantity, item.quantity))
    item.quantity = quantity
    if wanted.unit_amount is not None:
        item.unit_amount = wanted.unit_amount
    if wanted.name is not None:
        item.name = wanted.name


def _of_items(items: Iterable[OrderItem]) -> dict[str, int]:
    """What of the order's discount and tax its items tell."""
    known = list(items)
    return {name: sum(getattr(item, name) or 0 for item in known) for name in ("tax_amount", "discount_amount")}


def _sum_up(order: Order, items: list[OrderItem], request: Amend, *, of_items_before: Mapping[str, int]) -> None:
    """Amounts as given, or as they were; sums that are given have to add up."""
    priced = [item.line_amount is not None for item in items]
    if any(priced) and not all(priced):
        raise errors.InvalidRequest.beside_order(
            "/items", "required", "Some items have a unit_amount and some none: give it for all or for none"
        )
    for position, item in enumerate(items):
        refuse_discount_beyond(item.line_amount, item.discount_amount, pointer=f"/items/{position}/discount_amount")
    if request.shipping_amount is not None:
        order.shipping_amount = request.shipping_amount
    for name in ("tax_amount", "discount_amount"):
        of_items = _of_items(items)[name]
        if (amount := getattr(request, name)) is not None:
            refuse_less_than_items(name, of_items=of_items, given=amount)
            setattr(order, name, amount)
        elif of_items or of_items_before[name]:  # what the items have no more, or have now, the order has too
            setattr(order, name, getattr(order, name) - of_items_before[name] + of_items)
    if any(priced):
        order.items_amount = sum(item.line_amount or 0 for item in items)
        refuse_wrong_sum("items_amount", expected=order.items_amount, given=request.items_amount)
    elif request.items_amount is not None:
        order.items_amount = request.items_amount
    elif any(item.line_amount is not None for item in order.lines):
        detail = "The items that had prices are gone, so nobody knows the sum; give items_amount, or prices"
        raise errors.InvalidRequest.beside_order("/items_amount", "required", detail)
    if order.items_amount is None:
        order.total_amount = order.total_amount if request.total_amount is None else request.total_amount
    else:
        order.total_amount = total_sum(
            order.items_amount,
            shipping=order.shipping_amount,
            tax=order.tax_amount,
            discount=order.discount_amount,
            tax_included=order.tax_included,
        )
        refuse_wrong_sum(
            "total_amount", expected=order.total_amount, given=request.total_amount, tax_included=order.tax_included
        )
    refuse_sum_out_of_range("items_amount", order.items_amount)
    refuse_sum_out_of_range("total_amount", order.total_amount)
    if order.total_amount is not None and order.currency is None:
        order.currency = order.storefront.currency or None
        if order.currency is None:
            raise errors.InvalidRequest.at(
                "/currency", "required", "Amounts need a currency; neither order nor storefront has one"
            )
        if wrong := unknown_currency(order.currency, retired_too=order.reservation_id is None):
            raise errors.InvalidRequest(wrong)


def _refused(index: int, field: str, code: str, detail: str) -> errors.InvalidRequest:
    return errors.InvalidRequest.at(f"/items/{index}/{field}", code, detail)
