"""Operations that ask for an amount of money."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from orders.admin.display.amounts import AmountField
from orders.admin.operations.forms import OperationForm, TextField
from orders.models import Refund
from orders.requests.operations import RecordPayment, RequestRefund
from orders.rules.currencies import MINOR_DIGITS, format_amount
from orders.rules.statuses import PaymentKind, RefundState

_TO_SETTLE = (RefundState.REQUESTED, RefundState.APPROVED)


class RecordPaymentForm(OperationForm):
    """One fact from the payment provider; `part` is the refund that it pays out."""

    asks = RecordPayment

    kind = forms.ChoiceField(
        label="What happened",
        choices=PaymentKind.choices,
        initial=PaymentKind.CAPTURE,
        widget=UnfoldAdminSelectWidget,
    )
    amount = AmountField("Amount", least=1)
    psp = TextField("Payment provider", help_text="Its short name, as the shop sends it, such as “stripe”.")
    psp_reference = TextField(
        "Reference", required=True, help_text="What the provider knows this fact by. The same again is recorded once."
    )

    def build(self) -> None:
        amount = self.fields["amount"]
        assert isinstance(amount, AmountField) and self.order is not None  # noqa: PT018, S101 - it stands for one order
        amount.currency = self.order.currency
        if self.order.currency is None:
            chosen = self.order.storefront.currency
            self.fields["currency"] = forms.ChoiceField(
                choices=[(code, code) for code in sorted(MINOR_DIGITS)], initial=chosen, widget=UnfoldAdminSelectWidget
            )
            amount.currency = self.data.get("currency") or chosen or None
        amount.label = f"Amount ({amount.currency})" if self.order.currency else "Amount"
        refunds = [refund for refund in self.order.refunds.all() if refund.state in _TO_SETTLE]
        if refunds:
            self._offer(refunds)

    def _offer(self, refunds: list[Refund]) -> None:
        currency = self.order.currency if self.order else None
        self.fields["refund_id"] = forms.ChoiceField(
            label="Refund it pays out",
            required=False,
            choices=[
                ("", "–"),
                *(
                    (str(refund.pk), f"{format_amount(refund.amount, currency)}, requested by {refund.requested_by}")
                    for refund in refunds
                ),
            ],
            widget=UnfoldAdminSelectWidget,
        )
        meant = next((refund for refund in refunds if str(refund.pk) == self.chosen), None)
        if meant is not None:
            self.fields["kind"].initial = PaymentKind.REFUND
            self.fields["amount"].initial = meant.amount
            self.fields["refund_id"].initial = str(meant.pk)

    def body(self) -> dict[str, Any]:
        names = ("kind", "amount", "psp", "psp_reference", "currency", "refund_id")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}


class RequestRefundForm(OperationForm):
    asks = RequestRefund

    amount = AmountField("Amount", least=1)

    def build(self) -> None:
        amount = self.fields["amount"]
        assert isinstance(amount, AmountField) and self.order is not None  # noqa: PT018, S101 - it stands for one order
        amount.currency = self.order.currency
        amount.label = f"Amount ({self.order.currency})" if self.order.currency else "Amount"
        amount.initial = self.order.refundable_amount
        refundable = format_amount(self.order.refundable_amount, self.order.currency)
        amount.help_text = f"At most {refundable}: what was captured and neither given back nor asked back yet."

    def body(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("amount",) if name in self.cleaned_data}
