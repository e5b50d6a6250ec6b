"""Operations that ask which units of which items: canceled, packed, shipped, sent back, received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldBooleanWidget

from orders.admin.display.contents import contents_of
from orders.admin.operations.forms import OperationForm, Table, TextField
from orders.admin.operations.money_forms import credit_field
from orders.models import OrderItem, Shipment
from orders.operations.obstacles import units_to_return
from orders.requests.operations import Cancel, Parcel, ReceiveReturn, RequestReturn, Tracking
from orders.rules.limits import MAX_UNITS
from orders.rules.statuses import CancelReason, Condition, ReturnCause


class QuantityField(forms.IntegerField):
    """Units of one item; empty is none."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        widget = UnfoldAdminIntegerFieldWidget(attrs={"min": 0})
        super().__init__(label=label, required=False, min_value=0, max_value=MAX_UNITS, widget=widget, **kwargs)


class UnitsForm(OperationForm):
    """Quantities of the order's items: all that is possible is filled in, and can be lowered."""

    heading: ClassVar[str] = "Units"
    possible: ClassVar[str] = "Open"

    def build(self) -> None:
        super().build()
        self.available = self.possible_units() if self.order else {}
        for item in self.items():
            field = QuantityField(f"Units of {item.product_id}", initial=self.available.get(item.pk, 0))
            self.fields[_units_of(item)] = field

    def items(self) -> list[OrderItem]:
        return self.order.lines if self.order else []

    def possible_units(self) -> dict[UUID, int]:
        """By item id, for the part that was chosen."""
        return {item.pk: item.open for item in self.items()}

    def body(self) -> dict[str, Any]:
        """Several orders at once: all that is possible, which the operation knows."""
        body = super().body()
        if self.order is None:
            return body
        body["items"] = [
            self.units(item, quantity) for item in self.items() if (quantity := self.cleaned_data.get(_units_of(item)))
        ]
        if not body["items"]:
            del body["items"]
            if not self.errors:
                self.add_error(None, "Choose at least one unit.")
        return body

    def units(self, item: OrderItem, quantity: int) -> dict[str, Any]:
        return {"item_id": str(item.pk), "quantity": quantity}

    def field_at(self, pointer: str) -> str | None:
        return None if pointer.startswith("/items") else super().field_at(pointer)

    @property
    def tables(self) -> Sequence[Table]:
        rows: list[list[forms.BoundField | str]] = [
            [item.name or item.product_id, str(self.available.get(item.pk, 0)), *self.cells(item)]
            for item in self.items()
            if self._is_shown(item)
        ]
        return [Table(self.heading, ["Product", self.possible, "Units", *self.more_headings()], rows)] if rows else []

    @property
    def left_out(self) -> set[str]:
        return {_units_of(item) for item in self.items() if not self._is_shown(item)}

    def _is_shown(self, item: OrderItem) -> bool:
        """Where there is something to choose, or where it was chosen when there still was."""
        return bool(self.available.get(item.pk)) or str(self[_units_of(item)].value() or 0) != "0"

    def cells(self, item: OrderItem) -> list[forms.BoundField]:
        return [self[_units_of(item)]]

    def more_headings(self) -> list[str]:
        return []


def _units_of(item: OrderItem) -> str:
    return f"units_{item.pk}"


class CancelForm(UnitsForm):
    asks = Cancel
    heading = "Units to be canceled"

    cause = forms.ChoiceField(
        label="Cause",
        # An order expires by itself; nobody decides it.
        choices=[choice for choice in CancelReason.choices if choice[0] != CancelReason.EXPIRED],
        widget=UnfoldAdminSelectWidget,
    )

    def build(self) -> None:
        super().build()
        if self.order is not None and self.order.due_amount is not None:
            self.fields["amount"] = credit_field(self.order)

    def body(self) -> dict[str, Any]:
        names = ("cause", "amount")
        told = {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name) is not None}
        return super().body() | told


class TrackingForm(OperationForm):
    """Carrier, number and link of a parcel. Only what was changed is handed on."""

    asks = Tracking
    part_name = "shipment_id"

    tracking_company = TextField("Carrier")
    tracking_number = TextField("Tracking number")
    tracking_link = TextField(
        "Tracking link",
        help_text="Where a customer can follow the parcel. Of a carrier that is known here it is made from the number.",
    )

    def build(self) -> None:
        super().build()
        if self.order is None:  # a number belongs to one parcel
            del self.fields["tracking_number"], self.fields["tracking_link"]
        parcel = self.parcel()
        for name in self._tracking():
            self.fields[name].initial = getattr(parcel, name, None) or ""

    def parcels(self) -> list[Shipment]:
        return list(self.order.shipments.all()) if self.order else []

    def parcel(self) -> Shipment | None:
        """The one that is meant."""
        return next((parcel for parcel in self.parcels() if str(parcel.pk) == self.chosen), None)

    def body(self) -> dict[str, Any]:
        given = {
            name: self.cleaned_data[name] or None
            for name in self._tracking()
            if name in self.changed_data and name in self.cleaned_data
        }
        return super().body() | given

    def _tracking(self) -> list[str]:
        return [name for name in ("tracking_company", "tracking_number", "tracking_link") if name in self.fields]


class ParcelForm(TrackingForm, UnitsForm):
    """A parcel that was prepared, or a new one: for that, what was announced of one is filled in."""

    asks = Parcel

    def parcel(self) -> Shipment | None:
        announced = [parcel for parcel in self.parcels() if parcel.shipped_at is None and not contents_of(parcel)]
        return super().parcel() or (announced[-1] if announced and not self.chosen else None)


class ShipForm(ParcelForm):
    heading = "Units in the parcel"

    def possible_units(self) -> dict[UUID, int]:
        parcel = self.parcel()
        return (contents_of(parcel) if parcel else {}) or super().possible_units()

    def body(self) -> dict[str, Any]:
        """All that is open leaves as it is packed, so it is not named."""
        body = super().body()
        if self.order is not None and not self.chosen:
            wanted = {line["item_id"]: line["quantity"] for line in body.get("items", ())}
            if wanted == {str(item.pk): item.open for item in self.items() if item.open}:
                del body["items"]
        return body


class PackForm(ParcelForm):
    heading = "Units in the parcel"
    possible = "Open and in no other parcel"

    def possible_units(self) -> dict[UUID, int]:
        left = super().possible_units()
        for parcel in self.parcels():
            if parcel.shipped_at is None and str(parcel.pk) != self.chosen:
                for item_id, quantity in contents_of(parcel).items():
                    left[item_id] = max(0, left.get(item_id, 0) - quantity)
        return left


class RequestReturnForm(UnitsForm):
    asks = RequestReturn
    heading = "Units that come back"
    possible = "With the customer"

    cause = forms.ChoiceField(label="Why", choices=ReturnCause.choices, widget=UnfoldAdminSelectWidget)

    def possible_units(self) -> dict[UUID, int]:
        return units_to_return(self.order) if self.order else {}

    def body(self) -> dict[str, Any]:
        return super().body() | {name: self.cleaned_data[name] for name in ("cause",) if name in self.cleaned_data}


class ReceiveReturnForm(UnitsForm):
    asks = ReceiveReturn
    part_name = "return_id"
    heading = "Units that have come back"
    possible = "Announced"

    def build(self) -> None:
        super().build()
        for item in self.items():
            self.fields[f"condition_{item.pk}"] = forms.ChoiceField(
                label=f"Condition of {item.product_id}",
                required=False,
                choices=Condition.choices,
                initial=self._condition(),
                widget=UnfoldAdminSelectWidget,
            )
            on_the_shelf = self._condition() != Condition.DAMAGED and bool(self.order and self.order.reservation_id)
            self.fields[f"restock_{item.pk}"] = forms.BooleanField(
                label=f"Restock {item.product_id}", required=False, initial=on_the_shelf, widget=UnfoldBooleanWidget
            )
        self.fields["rest_follows"] = forms.BooleanField(
            label="The rest follows",
            required=False,
            widget=UnfoldBooleanWidget,
            help_text="What is missing stays announced, as a return of its own.",
        )
        if self.order is not None and self.order.due_amount is not None:
            self.fields["amount"] = credit_field(self.order)

    def body(self) -> dict[str, Any]:
        amount, rest_follows = self.cleaned_data.get("amount"), bool(self.cleaned_data.get("rest_follows"))
        more = ({} if amount is None else {"amount": amount}) | ({"rest_follows": True} if rest_follows else {})
        return super().body() | more

    def _condition(self) -> Condition:
        """What the cause of the return tells."""
        returns = self.order.returns.all() if self.order else ()
        damaged = any(str(back.pk) == self.chosen and back.cause == ReturnCause.DAMAGED for back in returns)
        return Condition.DAMAGED if damaged else Condition.NEW

    def items(self) -> list[OrderItem]:
        """Only what was announced."""
        return [item for item in super().items() if item.pk in self._announced()]

    def possible_units(self) -> dict[UUID, int]:
        return self._announced()

    def _announced(self) -> dict[UUID, int]:
        returns = self.order.returns.all() if self.order else ()
        return next((contents_of(announced) for announced in returns if str(announced.pk) == self.chosen), {})

    def units(self, item: OrderItem, quantity: int) -> dict[str, Any]:
        return super().units(item, quantity) | {
            "condition": self.cleaned_data.get(f"condition_{item.pk}") or self._condition(),
            "restock": self.cleaned_data[f"restock_{item.pk}"],
        }

    def cells(self, item: OrderItem) -> list[forms.BoundField]:
        return [*super().cells(item), self[f"condition_{item.pk}"], self[f"restock_{item.pk}"]]

    def more_headings(self) -> list[str]:
        return ["Condition", "Back on the shelf"]
