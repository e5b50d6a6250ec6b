"""What is written on an order: note, tags, contact, addresses."""

from __future__ import annotations

from typing import Any, Final

import orjson
from django import forms
from django.utils.functional import cached_property
from django_countries import countries
from msgspec import Struct
from unfold.widgets import UnfoldAdminSelectWidget

from orders.admin.operations.forms import OperationForm, TextField
from orders.operations.obstacles import obstacles
from orders.requests.operations import OrderDetails, checked_details
from orders.requests.parsing import parse
from orders.requests.placing import Address
from orders.rules.callers import system
from orders.rules.lifecycle import Operation
from orders.rules.sight import Sight

_CONTACT: Final = ("email", "phone")
_ADDRESS: Final = Address.__struct_fields__
_LABELS: Final = {"email": "E-mail", "line1": "Street", "line2": "Street, second line", "region": "Region or state"}
_GROUPS: Final = {"contact": "Contact", "shipping_address": "Shipping address", "billing_address": "Billing address"}


class DetailsForm(OperationForm):
    """What the order's status locks is shown, and says so. What the user may not see is not asked for either."""

    asks = OrderDetails

    note = TextField("Note", rows=4, help_text="What the customer asked for, or should know.")
    tags = TextField("Tags", help_text="Separated by commas.")

    def build(self) -> None:
        order = self.order
        assert order is not None  # noqa: S101 - this form stands for one order
        self.fields["tags"].initial = ", ".join(order.tags)
        if self.sight < Sight.CUSTOMER:
            del self.fields["note"]
            return
        self.fields["note"].initial = order.note
        self._add("contact", {"email": order.contact_email, "phone": order.contact_phone}, Operation.CHANGE_CONTACT)
        for group in ("shipping_address", "billing_address"):
            self._add(group, getattr(order, group) or {}, Operation.CHANGE_ADDRESS)

    def _add(self, group: str, values: dict[str, Any], rule: Operation) -> None:
        assert self.order is not None  # noqa: S101 - see build
        refusal = next(obstacles(self.order, rule, system("back_office")), None)
        locked = refusal.detail if refusal else ""
        for name in _names_of(group):
            field = TextField(_LABELS.get(name, name.replace("_", " ").capitalize()), disabled=bool(locked))
            if name == "country":
                field.widget = UnfoldAdminSelectWidget(choices=[("", "–"), *countries])
            field.locked_because = locked
            field.initial = values.get(name) or ""
            self.fields[f"{group}_{name}"] = field

    @cached_property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        written = [self[name] for name in ("note", "tags") if name in self.fields]
        groups = [
            (title, [self[f"{group}_{name}"] for name in _names_of(group) if f"{group}_{name}" in self.fields])
            for group, title in _GROUPS.items()
        ]
        return [("", written), *(group for group in groups if group[1]), ("", [self["reason"]])]

    def body(self) -> dict[str, Any]:
        """Note and tags, and the groups in which something was changed."""
        changed = set(self.changed_data)
        body: dict[str, Any] = {}
        if "note" in changed:
            body["note"] = self.cleaned_data["note"]
        if "tags" in changed:
            body["tags"] = [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]
        for group in _GROUPS:
            names = _names_of(group)
            if changed.isdisjoint(f"{group}_{name}" for name in names):
                continue
            values = {name: self.cleaned_data.get(f"{group}_{name}") or None for name in names}
            # No billing address at all means: the same as where it is shipped to.
            body[group] = values if group != "billing_address" or any(values.values()) else None
        return body

    def field_at(self, pointer: str) -> str | None:
        return "tags" if pointer.startswith("/tags/") else super().field_at(pointer)

    def read(self, body: dict[str, Any]) -> Struct:
        return checked_details(parse(orjson.dumps(body), OrderDetails))


def _names_of(group: str) -> tuple[str, ...]:
    return _CONTACT if group == "contact" else _ADDRESS
