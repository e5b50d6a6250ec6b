"""Operations that ask which units of which items: canceled, packed, shipped, sent back, received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.utils.functional import cached_property
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldBooleanWidget

from orders.admin.display.contents import contents_of
from orders.admin.operations.forms import OperationForm, Table, TextField
from orders.admin.operations.money_forms import amount_field
from orders.models import OrderItem, Return, Shipment
from orders.operations.obstacles import units_to_return
from orders.requests.operations import Cancel, Parcel, ReceiveReturn, RequestReturn, Tracking
from orders.rules.limits import MAX_UNITS
from orders.rules.statuses import CONDITION_AFTER, CancelReason, Condition, ReturnCause


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
            self.fields[_units_of(item)] = QuantityField(f"Units of {item.product_id}", initial=self.first_units(item))

    def items(self) -> list[OrderItem]:
        return self.order.lines if self.order else []

    def possible_units(self) -> dict[UUID, int]:
        """By item id, for the part that was chosen."""
        return {item.pk: item.open for item in self.items()}

    def first_units(self, item: OrderItem) -> int | None:
        """How many are filled in when the page is opened."""
        return self.available.get(item.pk, 0)

    def body(self) -> dict[str, Any]:
        """Several orders at once: all that is possible, which the operation knows."""
        body = super().body()
        if self.order is None:
            return body
        if units := self.chosen_units():
            body["items"] = units
        elif not self.errors:
            self.add_error(None, "Choose at least one unit.")
        return body

    def chosen_units(self) -> list[dict[str, Any]]:
        return [
            self.units(item, quantity) for item in self.items() if (quantity := self.cleaned_data.get(_units_of(item)))
        ]

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


class CreditingForm(UnitsForm):
    """Units that are owed no more, with their share of the total or another amount."""

    tells_sums = True

    def build(self) -> None:
        super().build()
        if self.order is not None and self.order.due_amount is not None:
            self.fields["amount"] = amount_field(
                "Credit another amount",
                self.order,
                required=False,
                help_text="Empty: the exact share of these units, discount and tax included. Less keeps a fee; more "
                "is goodwill, up to what is still owed.",
            )

    def body(self) -> dict[str, Any]:
        amount = self.cleaned_data.get("amount")
        return super().body() | ({} if amount is None else {"amount": amount})


class CancelForm(CreditingForm):
    asks = Cancel
    heading = "Units to be canceled"

    cause = forms.ChoiceField(
        label="Cause",
        # An order expires by itself; nobody decides it.
        choices=[choice for choice in CancelReason.choices if choice[0] != CancelReason.EXPIRED],
        widget=UnfoldAdminSelectWidget,
    )

    def body(self) -> dict[str, Any]:
        return super().body() | {name: self.cleaned_data[name] for name in ("cause",) if name in self.cleaned_data}


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


class ReceiveReturnForm(CreditingForm):
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
                widget=UnfoldAdminSelectWidget(attrs={"data-shelf": f"restock_{item.pk}"}),
            )
            on_the_shelf = self._condition() == Condition.NEW and bool(self.order and self.order.reservation_id)
            self.fields[f"restock_{item.pk}"] = forms.BooleanField(
                label=f"Restock {item.product_id}", required=False, initial=on_the_shelf, widget=UnfoldBooleanWidget
            )
        self.fields["rest_follows"] = forms.BooleanField(
            label="The rest follows",
            required=False,
            widget=UnfoldBooleanWidget,
            help_text="What is missing stays announced, as a return of its own.",
        )

    def body(self) -> dict[str, Any]:
        return super().body() | ({"rest_follows": True} if self.cleaned_data.get("rest_follows") else {})

    def field_at(self, pointer: str) -> str | None:
        """What is refused of a unit stands beside it: only the operation knows what may go back on the shelf."""
        match pointer.strip("/").split("/"):
            case ["items", index, ("restock" | "condition") as name]:
                chosen = [item for item in self.items() if self.cleaned_data.get(_units_of(item))]
                return f"{name}_{chosen[int(index)].pk}"
        return super().field_at(pointer)

    @cached_property
    def _return(self) -> Return | None:
        """The one that is meant."""
        returns = self.order.returns.all() if self.order else ()
        return next((announced for announced in returns if str(announced.pk) == self.chosen), None)

    @cached_property
    def _announced(self) -> dict[UUID, int]:
        return contents_of(self._return) if self._return else {}

    def _condition(self) -> Condition:
        """What the cause of the return tells."""
        return CONDITION_AFTER[ReturnCause(self._return.cause)] if self._return else Condition.NEW

    def items(self) -> list[OrderItem]:
        """Only what was announced."""
        return [item for item in super().items() if item.pk in self._announced]

    def possible_units(self) -> dict[UUID, int]:
        return self._announced

    @property
    def tables(self) -> Sequence[Table]:
        cause = f" This return: {self._return.get_cause_display().lower()}." if self._return else ""
        told = f"The condition follows from why the units came back.{cause} Only what is as new goes back on the shelf."
        return [table._replace(help_text=told) for table in super().tables]

    def units(self, item: OrderItem, quantity: int) -> dict[str, Any]:
        return super().units(item, quantity) | {
            "condition": self.cleaned_data.get(f"condition_{item.pk}") or self._condition(),
            "restock": self.cleaned_data[f"restock_{item.pk}"],
        }

    def cells(self, item: OrderItem) -> list[forms.BoundField]:
        return [*super().cells(item), self[f"condition_{item.pk}"], self[f"restock_{item.pk}"]]

    def more_headings(self) -> list[str]:
        return ["Condition", "Back on the shelf"]
