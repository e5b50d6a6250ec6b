"""What the items and amounts of an order become by an amendment."""

from __future__ import annotations

from uuid import UUID

from orders.models import Order, OrderItem, ShipmentItem
from orders.requests.operations import Amend, AmendedItem
from orders.rules import errors
from orders.rules.limits import refuse_items
from orders.rules.money import items_sum, refuse_sum_out_of_range, refuse_wrong_sum, total_sum


class Amendment:
    """The items as they are to be: `order` has them and their sums in memory; `write` saves them."""

    def __init__(self, order: Order, request: Amend) -> None:
        self._order = order
        before = _told(order)
        items = {item.pk: item for item in order.lines}
        self._amended: list[OrderItem] = []
        self._removed: list[UUID] = []
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
                raise errors.UnknownPart("item", wanted.item_id)
            _change(item, wanted, index=index)
            if item.quantity:
                self._amended.append(item)
            else:
                self._removed.append(item.pk)
        left = [item for item in order.lines if item.pk not in self._removed] + self._added
        if not any(item.open for item in left):
            raise errors.NoItemsLeft()
        refuse_items(len(left), last_position=position)
        _sum_up(order, left, request)
        order.take_lines(left)
        order.derive_money()
        self.changes_anything = _told(order) != before

    def write(self) -> None:
        _unpack(self._order, self._removed)
        OrderItem.objects.filter(pk__in=self._removed).delete()
        OrderItem.objects.bulk_update(self._amended, ["quantity", "unit_amount", "name"])
        OrderItem.objects.bulk_create(self._added)


def _told(order: Order) -> list[object]:
    """What an amendment may change."""
    amounts = (order.items_amount, order.shipping_amount, order.tax_amount, order.discount_amount, order.total_amount)
    return [amounts, *((item.pk, item.quantity, item.unit_amount, item.name) for item in order.lines)]


def _unpack(order: Order, item_ids: list[UUID]) -> None:
    """Take items out of parcels that are being prepared; a parcel left empty is gone."""
    lines = ShipmentItem.objects.filter(shipment__order=order, item__in=item_ids)
    parcels = list(lines.values_list("shipment_id", flat=True))
    lines.delete()
    order.shipments.filter(pk__in=parcels, items=None).delete()


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
    )


def _change(item: OrderItem, wanted: AmendedItem, *, index: int) -> None:
    """Quantity 0 takes the item away; of what has been canceled of it the record stays."""
    if item.shipped:
        raise errors.ItemShipped(item.pk, item.product_id, item.shipped)
    if wanted.product_id not in (None, item.product_id):
        raise _refused(
            index, "product_id", "not_changeable", f"The item is {item.product_id}; remove it and add another"
        )
    if wanted.quantity and wanted.quantity < item.canceled:
        raise _refused(
            index, "quantity", "out_of_range", f"{item.canceled} units of the item are canceled; order at least those"
        )
    item.quantity = wanted.quantity or item.canceled
    if wanted.unit_amount is not None:
        item.unit_amount = wanted.unit_amount
    if wanted.name is not None:
        item.name = wanted.name


def _sum_up(order: Order, items: list[OrderItem], request: Amend) -> None:
    """Amounts as given, or as they were; sums that are given have to add up."""
    priced = [item.unit_amount is not None for item in items]
    if any(priced) and not all(priced):
        raise errors.InvalidRequest.at(
            "/items", "required", "Some items have a unit_amount and some none: give it for all or for none"
        )
    for name in ("shipping_amount", "tax_amount", "discount_amount"):
        if (amount := getattr(request, name)) is not None:
            setattr(order, name, amount)
    if any(priced):
        order.items_amount = items_sum((item.quantity, item.unit_amount or 0) for item in items)
        refuse_wrong_sum("items_amount", expected=order.items_amount, given=request.items_amount)
    elif request.items_amount is not None:
        order.items_amount = request.items_amount
    elif any(item.unit_amount is not None for item in order.lines):
        detail = "The items that had prices are gone, so nobody knows the sum; give items_amount, or prices"
        raise errors.InvalidRequest.at("/items_amount", "required", detail)
    if order.items_amount is None:
        order.total_amount = order.total_amount if request.total_amount is None else request.total_amount
    else:
        order.total_amount = total_sum(
            order.items_amount, shipping=order.shipping_amount, tax=order.tax_amount, discount=order.discount_amount
        )
        refuse_wrong_sum("total_amount", expected=order.total_amount, given=request.total_amount)
    refuse_sum_out_of_range("items_amount", order.items_amount)
    refuse_sum_out_of_range("total_amount", order.total_amount)
    if order.total_amount is not None and order.currency is None:
        order.currency = order.storefront.currency or None
        if order.currency is None:
            raise errors.InvalidRequest.at(
                "/currency", "required", "Amounts need a currency; neither order nor storefront has one"
            )


def _refused(index: int, field: str, code: str, detail: str) -> errors.InvalidRequest:
    return errors.InvalidRequest.at(f"/items/{index}/{field}", code, detail)
