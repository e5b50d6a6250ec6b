"""Operations that ask for an amount of money."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from orders.admin.display.amounts import AmountField
from orders.admin.display.names import names_of
from orders.admin.operations.forms import OperationForm, TextField
from orders.models import Order, Refund
from orders.requests.operations import CorrectPayment, RecordPayment
from orders.rules.currencies import CURRENT, format_amount
from orders.rules.statuses import PaymentKind, RefundState


class RecordPaymentForm(OperationForm):
    """One fact from the payment provider; `part` is the refund that it pays out."""

    asks = RecordPayment

    kind = forms.ChoiceField(
        label="What happened",
        # A correction belongs to the payment it takes back.
        choices=[choice for choice in PaymentKind.choices if choice[0] != PaymentKind.CORRECTION],
        initial=PaymentKind.CAPTURE,
        widget=UnfoldAdminSelectWidget,
    )
    psp = TextField("Payment provider", help_text="Its short name, as the shop sends it, such as “stripe”.")
    psp_reference = TextField(
        "Reference", required=True, help_text="What the provider knows this fact by. The same again is recorded once."
    )

    parent_reference = TextField(
        "Belongs to", help_text="The reference of the authorization or capture that it is of, where that is known."
    )

    def build(self) -> None:
        assert self.order is not None  # noqa: S101 - this form stands for one order
        amount = self.fields["amount"] = amount_field("Amount", self.order, least=1)
        if self.order.currency is None:
            chosen = self.order.storefront.currency
            self.fields["currency"] = forms.ChoiceField(
                choices=[(code, code) for code in sorted(CURRENT)], initial=chosen, widget=UnfoldAdminSelectWidget
            )
            amount.label, amount.currency = "Amount", self.data.get("currency") or chosen or None
        self.order_fields(["kind", "amount"])
        refunds = [refund for refund in self.order.refunds.all() if refund.state == RefundState.APPROVED]
        if refunds:
            self._offer(refunds)

    def _offer(self, refunds: list[Refund]) -> None:
        names = names_of(refund.requested_by for refund in refunds)
        currency = self.order.currency if self.order else None
        self.fields["refund_id"] = forms.ChoiceField(
            label="Refund it pays out",
            required=False,
            choices=[
                ("", "–"),
                *(
                    (
                        str(refund.pk),
                        f"{format_amount(refund.amount, currency)}, requested by {names.of(refund.requested_by)}",
                    )
                    for refund in refunds
                ),
            ],
            widget=UnfoldAdminSelectWidget,
        )
        chosen = self.data.get("refund_id") or self.chosen
        meant = next((refund for refund in refunds if str(refund.pk) == chosen), None)
        if meant is not None:
            self.fields["kind"].initial = PaymentKind.REFUND
            self.fields["amount"].initial = meant.open_amount
            self.fields["refund_id"].initial = str(meant.pk)

    def body(self) -> dict[str, Any]:
        names = ("kind", "amount", "psp", "psp_reference", "currency", "refund_id", "parent_reference")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}


class CorrectPaymentForm(OperationForm):
    """`part` is the payment that never was."""

    asks = CorrectPayment
    part_name = "payment_id"

    def build(self) -> None:
        self.fields["reason"].required = True


def currency_of(order: Order | None) -> str | None:
    """Of an order without amounts, what it would get with its first one."""
    return (order.currency or order.storefront.currency or None) if order else None


def amount_field(label: str, order: Order | None, *, least: int = 0, **kwargs: Any) -> AmountField:
    """Money of the order, with its currency beside what is asked."""
    currency = currency_of(order)
    return AmountField(f"{label} ({currency})" if currency else label, currency=currency, least=least, **kwargs)
