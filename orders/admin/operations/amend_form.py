"""Other items than were ordered: quantities, prices, products that are added, amounts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson
from django import forms
from django.urls import reverse
from django.utils.functional import cached_property
from unfold.widgets import UnfoldBooleanWidget

from orders.admin.display.amounts import AmountField
from orders.admin.operations.forms import OperationForm, Table, TextField
from orders.admin.operations.money_forms import currency_of
from orders.admin.operations.unit_forms import QuantityField
from orders.models import OrderItem
from orders.requests.operations import Amend, AmendedItem
from orders.requests.parsing import parse
from orders.rules.errors import InvalidRequest
from orders.rules.limits import MAX_ITEMS

_MORE_ROWS: Final = 3
_NEW_ROW: Final = re.compile(r"new([0-9]{1,4})_")
_AMOUNTS: Final = {"shipping_amount": "Shipping", "tax_amount": "Tax", "discount_amount": "Discount"}
# Of a new row, by what the API calls it.
_NEW_FIELDS: Final = ("product_id", "name", "quantity", "unit_amount")


class AmendForm(OperationForm):
    """Only what was changed is handed on; sums are made anew."""

    asks = Amend
    tells_sums = True

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
        self._rows = self._rows_sent()
        for row in self._rows:
            self.fields |= self._new_row(f"new{row}")
        for name, label in _AMOUNTS.items():
            self.fields[name] = self._amount(label, getattr(self.order, name, 0))

    def _rows_sent(self) -> list[int]:
        """Those that the page had, whatever their numbers; one more than an order can have is refused as too many."""
        sent = {int(found[1]) for name in self.data for found in [_NEW_ROW.match(name)] if found}
        return sorted(sent)[: MAX_ITEMS + 1] or [0]

    def _new_row(self, name: str) -> dict[str, forms.Field]:
        fields: dict[str, forms.Field] = {
            f"{name}_product_id": TextField("Product"),
            f"{name}_name": TextField("Name"),
            f"{name}_quantity": QuantityField("Quantity"),
            f"{name}_unit_amount": self._amount("Unit price", None),
        }
        if self.order is not None:
            for part in ("product_id", "name"):
                found_at = {"data-products": reverse("admin:orders_order_products", args=[self.order.pk])}
                fields[f"{name}_{part}"].widget.attrs |= {**found_at, "autocomplete": "off"}
        return fields

    def grow(self) -> None:
        more = range(self._rows[-1] + 1, self._rows[-1] + 1 + _MORE_ROWS)
        for row in more:
            self.fields |= self._new_row(f"new{row}")
        self._rows += more
        super().grow()

    def _items(self) -> list[OrderItem]:
        return self.order.lines if self.order else []

    def _amount(self, label: str, initial: int | None) -> AmountField:
        return AmountField(label, currency=currency_of(self.order), required=False, initial=initial)

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
        for row in self._rows:
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
        currency = currency_of(self.order)
        price = f"Unit price ({currency})" if currency else "Unit price"
        new = [[self[f"new{row}_{name}"] for name in _NEW_FIELDS] for row in self._rows]
        blank = forms.Form()
        blank.fields |= self._new_row("newROW")
        canceled = any(item.canceled for item in self._items())
        return [
            Table(
                "Items",
                ["Product", *(["Canceled"] if canceled else []), "Quantity", price, "Remove"],
                [self._row(item, canceled=canceled) for item in self._items()],
                "Items of which units have been shipped stay as they are.",
            ),
            Table(
                "New items",
                ["Product", "Name", "Quantity", price],
                new,
                "Type an id or a part of a name: what the storefront has sold before is offered, with its last price.",
                blank=[blank[f"newROW_{name}"] for name in _NEW_FIELDS],
            ),
        ]

    def _row(self, item: OrderItem, *, canceled: bool) -> list[forms.BoundField | str]:
        """`canceled` says whether units of any item are."""
        head = [item.name or item.product_id, *([str(item.canceled)] if canceled else [])]
        if item.shipped:
            return [*head, f"{item.quantity}, shipped {item.shipped}", "", ""]
        return [*head, *(self[f"{part}_{item.pk}"] for part in ("quantity", "price", "remove"))]

    @cached_property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        currency = currency_of(self.order)
        amounts = f"Amounts ({currency})" if currency else "Amounts"
        return [(amounts, [self[name] for name in _AMOUNTS]), ("", [self["reason"]])]
