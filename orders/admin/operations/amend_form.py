"""Other items than were ordered: quantities, prices, products that are added, amounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
from django import forms
from django.utils.functional import cached_property
from unfold.widgets import UnfoldBooleanWidget

from orders.admin.display.amounts import AmountField
from orders.admin.operations.forms import OperationForm, Table, TextField
from orders.admin.operations.unit_forms import QuantityField
from orders.models import Order, OrderItem
from orders.requests.operations import Amend, AmendedItem
from orders.requests.parsing import parse
from orders.rules.errors import InvalidRequest

_NEW_ROWS: Final = 3
_AMOUNTS: Final = {"shipping_amount": "Shipping", "tax_amount": "Tax", "discount_amount": "Discount"}
# Of a new row, by what the API calls it.
_NEW_FIELDS: Final = ("product_id", "name", "quantity", "unit_amount")


class AmendForm(OperationForm):
    """Only what was changed is handed on; sums are made anew."""

    asks = Amend

    def build(self) -> None:
        for item in self._items():
            if not item.shipped:
                self.fields[f"quantity_{item.pk}"] = QuantityField(
                    f"Quantity of {item.product_id}", initial=item.quantity
                )
                self.fields[f"remove_{item.pk}"] = forms.BooleanField(
                    label=f"Remove {item.product_id}", required=False, widget=UnfoldBooleanWidget()
                )
                self.fields[f"price_{item.pk}"] = self._amount(f"Price of {item.product_id}", item.unit_amount)
        for row in range(_NEW_ROWS):
            self.fields[f"new{row}_product_id"] = TextField("Product")
            self.fields[f"new{row}_name"] = TextField("Name")
            self.fields[f"new{row}_quantity"] = QuantityField("Quantity")
            self.fields[f"new{row}_unit_amount"] = self._amount("Unit price", None)
        for name, label in _AMOUNTS.items():
            self.fields[name] = self._amount(label, getattr(self.order, name, 0))

    def _items(self) -> list[OrderItem]:
        return self.order.lines if self.order else []

    def _amount(self, label: str, initial: int | None) -> AmountField:
        return AmountField(label, currency=_currency(self.order), required=False, initial=initial)

    def body(self) -> dict[str, Any]:
        items = [*self._changed_items(), *self._new_items()]
        amounts = {
            name: self.cleaned_data[name] or 0
            for name in _AMOUNTS
            if name in self.changed_data and name in self.cleaned_data
        }
        if amounts and not items:
            # An amendment names an item: one that stays as it is, where only amounts are changed.
            items = [self._changed(item) for item in self._items() if not item.shipped and item.open][:1]
        if not items and not self.errors:
            self.add_error(None, "Change a quantity, a price or an amount, or add a product.")
        return amounts | ({"items": items} if items else {})

    def field_at(self, pointer: str) -> str | None:
        return None if pointer.startswith("/items") else super().field_at(pointer)

    def _changed_items(self) -> list[dict[str, Any]]:
        return [
            self._changed(item)
            for item in self._items()
            if not {f"{name}_{item.pk}" for name in ("quantity", "price", "remove")}.isdisjoint(self.changed_data)
        ]

    def _changed(self, item: OrderItem) -> dict[str, Any]:
        quantity = f"quantity_{item.pk}"
        if self.cleaned_data.get(f"remove_{item.pk}"):
            return {"item_id": str(item.pk), "quantity": 0}
        if not self.cleaned_data.get(quantity) and quantity not in self.errors:
            self.add_error(quantity, "Give a quantity of at least 1, or tick Remove to take the item away.")
        amended: dict[str, Any] = {"item_id": str(item.pk), "quantity": self.cleaned_data.get(quantity) or 0}
        price = self.cleaned_data.get(f"price_{item.pk}")
        if price is not None and f"price_{item.pk}" in self.changed_data:
            amended["unit_amount"] = price
        return amended

    def _new_items(self) -> list[dict[str, Any]]:
        """Each row that was begun, once it is right; what is wrong stands beside its field."""
        items = []
        for row in range(_NEW_ROWS):
            item = {name: self.cleaned_data.get(f"new{row}_{name}") for name in _NEW_FIELDS}
            if any(f"new{row}_{name}" in self.changed_data for name in _NEW_FIELDS):
                item = {name: value for name, value in item.items() if value not in (None, "")}
                if self._is_right(row, item):
                    items.append(item)
        return items

    def _is_right(self, row: int, item: dict[str, Any]) -> bool:
        for name in ("product_id", "quantity"):
            if name not in item and f"new{row}_{name}" not in self.errors:
                self.add_error(f"new{row}_{name}", "A new item needs a product and its quantity.")
        if not {"product_id", "quantity"} <= item.keys():
            return False
        try:
            parse(orjson.dumps(item), AmendedItem)
        except InvalidRequest as error:
            for refused in error.errors:
                self.add_error(
                    f"new{row}_{str(refused['pointer']).strip('/')}", str(refused["detail"]).replace("`", "")
                )
            return False
        return True

    @property
    def tables(self) -> Sequence[Table]:
        currency = _currency(self.order)
        price = f"Unit price ({currency})" if currency else "Unit price"
        new = [[self[f"new{row}_{name}"] for name in _NEW_FIELDS] for row in range(_NEW_ROWS)]
        return [
            Table(
                "Items",
                ["Product", "Canceled", "Quantity", price, "Remove"],
                [self._row(item) for item in self._items()],
                "Items of which units have been shipped stay as they are.",
            ),
            Table("New items", ["Product", "Name", "Quantity", price], new),
        ]

    def _row(self, item: OrderItem) -> list[forms.BoundField | str]:
        name = item.name or item.product_id
        if item.shipped:
            return [name, str(item.canceled), f"{item.quantity}, shipped {item.shipped}", "", ""]
        return [name, str(item.canceled), *(self[f"{part}_{item.pk}"] for part in ("quantity", "price", "remove"))]

    @cached_property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        currency = _currency(self.order)
        amounts = f"Amounts ({currency})" if currency else "Amounts"
        return [(amounts, [self[name] for name in _AMOUNTS]), ("", [self["reason"]])]


def _currency(order: Order | None) -> str | None:
    return (order.currency or order.storefront.currency or None) if order else None
