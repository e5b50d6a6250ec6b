"""Asking for a refund: what is owed for a return or a cancellation, or units and shipping out of goodwill."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django import forms

from orders.admin.display.contents import product_names
from orders.admin.operations.forms import Table
from orders.admin.operations.money_forms import amount_field
from orders.admin.operations.owed_back import owed_back
from orders.admin.operations.unit_forms import UnitsForm
from orders.models import Credit, Order, OrderItem, Return
from orders.operations.refunds import shipping_left
from orders.requests.operations import RequestRefund
from orders.rules.currencies import format_amount
from orders.rules.statuses import Condition


class RequestRefundForm(UnitsForm):
    """`part` is the return or the credit that is paid out; without one it is for units and shipping, or an amount."""

    asks = RequestRefund
    tells_sums = True
    heading = "Units the customer keeps, out of goodwill"
    possible = "Not given back"

    def build(self) -> None:
        self._owed: dict[str, tuple[Return | Credit | None, int]] = {
            str(part.pk): (part, amount) for part, amount in owed_back(self._order)
        }
        nothing: tuple[Return | Credit | None, int] = (None, self._order.overpaid_amount)
        self._part, owed = self._owed.get(self.chosen, nothing)
        super().build()
        self.fields["part"] = forms.CharField(required=False, initial=self.chosen, widget=forms.HiddenInput)
        if self._part is None and (left := shipping_left(self._order)):
            self.fields["shipping_amount"] = amount_field(
                "Of the shipping",
                self._order,
                least=1,
                required=False,
                help_text=f"At most {self._money(left)}: what the customer paid for it and has not been credited.",
            )
        amount = self.fields["amount"] = amount_field("Amount", self._order, least=1, required=False)
        amount.initial = owed or None
        amount.help_text = self._told_of_amount(owed)

    @property
    def _order(self) -> Order:
        assert self.order is not None  # noqa: S101 - this form stands for one order
        return self.order

    def _money(self, amount: int) -> str:
        return format_amount(amount, self._order.currency)

    def _told_of_amount(self, owed: int) -> str:
        most = self._money(self._order.refundable_amount)
        if self._part is not None:
            return f"{self._money(owed)} is owed for it. It can be less. At most {most} can be refunded in all."
        over = f" {self._money(owed)} of it is more than the order owes." if owed else ""
        return (
            f"Empty: what the units and the shipping are worth. At most {most}: what was captured and neither given "
            f"back nor asked back yet.{over} What you refund beyond what is owed back is goodwill, and is owed less "
            "from then on."
        )

    def possible_units(self) -> dict[UUID, int]:
        ended = self._order.ended_units()
        return {item.pk: item.quantity - ended[item.pk] for item in self.items()}

    def items(self) -> list[OrderItem]:
        return super().items() if self._part is None else []

    def first_units(self, item: OrderItem) -> int | None:
        """Goodwill is nothing that is owed: no unit is filled in."""
        return None

    def body(self) -> dict[str, Any]:
        """An amount that only stands there because it is owed is left out once units or shipping are chosen."""
        body: dict[str, Any] = {}
        amount = self.cleaned_data.get("amount")
        if isinstance(self._part, Return):
            body["return_id"] = str(self._part.pk)
        elif self._part is not None:
            body["credit_id"] = str(self._part.pk)
        else:
            body |= self._units_and_shipping()
        if amount is not None and ("amount" in self.changed_data or not {"items", "shipping_amount"} & body.keys()):
            body["amount"] = amount
        if not body and not self.errors:
            self.add_error(None, "Choose units or an amount.")
        return body

    def _units_and_shipping(self) -> dict[str, Any]:
        units = self.chosen_units()
        shipping = self.cleaned_data.get("shipping_amount")
        return ({"items": units} if units else {}) | ({"shipping_amount": shipping} if shipping else {})

    @property
    def tables(self) -> Sequence[Table]:
        if self._part is None:
            return super().tables
        headings = ["Product", "Units", "Condition"] if isinstance(self._part, Return) else ["Product", "Units"]
        return [Table("What it is for", headings, list(self._rows_of(self._part)))]

    def _rows_of(self, part: Return | Credit) -> Iterator[list[forms.BoundField | str]]:
        names = product_names(self._order)
        if isinstance(part, Return):
            for line in part.items.all():
                if line.received:
                    condition = str(Condition(line.condition).label) if line.condition else "–"
                    shelf = ", back on the shelf" if line.restocked else ""
                    yield [names.get(line.item_id, "A removed item"), str(line.received), f"{condition}{shelf}"]
            return
        for share in part.parts:
            yield [names.get(share.item_id, "A removed item"), str(share.quantity or "–")]
        if part.shipping_amount:
            yield [f"Shipping, {self._money(part.shipping_amount)}", ""]
