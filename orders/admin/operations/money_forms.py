"""Operations that ask for an amount of money."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from orders.admin.display.amounts import AmountField
from orders.admin.operations.forms import OperationForm, TextField
from orders.models import Order, Refund
from orders.requests.operations import CorrectPayment, RecordPayment, RequestRefund
from orders.rules.currencies import CURRENT, format_amount
from orders.rules.statuses import PaymentKind, RefundState, ReturnState


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
    amount = AmountField("Amount", least=1)
    psp = TextField("Payment provider", help_text="Its short name, as the shop sends it, such as “stripe”.")
    psp_reference = TextField(
        "Reference", required=True, help_text="What the provider knows this fact by. The same again is recorded once."
    )

    parent_reference = TextField(
        "Belongs to", help_text="The reference of the authorization or capture that it is of, where that is known."
    )

    def build(self) -> None:
        amount = self.fields["amount"]
        assert isinstance(amount, AmountField) and self.order is not None  # noqa: PT018, S101 - it stands for one order
        amount.currency = self.order.currency
        if self.order.currency is None:
            chosen = self.order.storefront.currency
            self.fields["currency"] = forms.ChoiceField(
                choices=[(code, code) for code in sorted(CURRENT)], initial=chosen, widget=UnfoldAdminSelectWidget
            )
            amount.currency = self.data.get("currency") or chosen or None
        amount.label = f"Amount ({amount.currency})" if self.order.currency else "Amount"
        refunds = [refund for refund in self.order.refunds.all() if refund.state == RefundState.APPROVED]
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
            self.fields["amount"].initial = meant.open_amount
            self.fields["refund_id"].initial = str(meant.pk)

    def body(self) -> dict[str, Any]:
        names = ("kind", "amount", "psp", "psp_reference", "currency", "refund_id", "parent_reference")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}


class RequestRefundForm(OperationForm):
    asks = RequestRefund

    amount = AmountField("Amount", least=1)

    def build(self) -> None:
        amount = self.fields["amount"]
        assert isinstance(amount, AmountField) and self.order is not None  # noqa: PT018, S101 - it stands for one order
        amount.currency = self.order.currency
        amount.label = f"Amount ({self.order.currency})" if self.order.currency else "Amount"
        amount.initial = self.order.overpaid_amount or self.order.refundable_amount
        refundable = format_amount(self.order.refundable_amount, self.order.currency)
        over = format_amount(self.order.overpaid_amount, self.order.currency)
        amount.help_text = (
            f"At most {refundable}: what was captured and neither given back nor asked back yet. {over} of it is more "
            "than the order owes; what you refund beyond that is goodwill, and is owed less from then on."
        )
        returns = [announced for announced in self.order.returns.all() if announced.state == ReturnState.RECEIVED]
        if returns:
            self.fields["return_id"] = forms.ChoiceField(
                label="For the return",
                required=False,
                choices=[("", "–"), *((str(back.pk), f"{back.received_at:%Y-%m-%d}: {back}") for back in returns)],
                widget=UnfoldAdminSelectWidget,
            )

    def body(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("amount", "return_id") if self.cleaned_data.get(name)}


class CorrectPaymentForm(OperationForm):
    """`part` is the payment that never was."""

    asks = CorrectPayment
    part_name = "payment_id"

    def build(self) -> None:
        self.fields["reason"].required = True


def credit_field(order: Order | None) -> AmountField:
    """What is owed less, where that is not the share of the units."""
    currency = (order.currency or order.storefront.currency or None) if order else None
    return AmountField(
        f"Credit another amount ({currency})" if currency else "Credit another amount",
        currency=currency,
        required=False,
        help_text="Empty: the exact share of these units, discount and tax included. Less keeps a fee; more is "
        "goodwill, up to what is still owed.",
    )
