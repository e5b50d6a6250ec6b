"""Money as staff write it: 12.99, in whole units of its currency. Orders have it in minor units."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from orders.rules.currencies import MINOR_DIGITS, format_amount
from orders.rules.money import MAX_AMOUNT


def written(amount: int | None, currency: str | None) -> str:
    """As it stands in a field: (1299, "AUD") is "12.99"; nothing is empty."""
    return "" if amount is None else format_amount(amount, currency).removesuffix(f" {currency}")


class AmountField(forms.CharField):
    """Gives minor units of `currency`, which can be set as long as the field has not been cleaned; or None."""

    def __init__(self, label: str, *, currency: str | None = None, least: int = 0, **kwargs: Any) -> None:
        self.currency, self._least = currency, least
        widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(label=label, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return written(value, self.currency) if isinstance(value, int) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        digits = MINOR_DIGITS.get(self.currency or "", 2)
        decimals = rf"(?:\.([0-9]{{1,{digits}}}))?" if digits else "()"
        match = re.fullmatch(rf"([0-9]{{1,18}}){decimals}", text)
        if match is None:
            of = f" of {self.currency}" if self.currency else ""
            raise forms.ValidationError(f"Write an amount{of} such as {written(1299, self.currency)}.")
        amount = int(match[1] + (match[2] or "").ljust(digits, "0"))
        if not self._least <= amount <= MAX_AMOUNT:
            least, most = written(self._least, self.currency), written(MAX_AMOUNT, self.currency)
            raise forms.ValidationError(f"Write an amount from {least} to {most}.")
        return amount
