"""What a page asks for before it does something with an order.

The limits of each text stand once, in `orders/requests.py`: a form hands what was typed to the structs of the
API and puts what they refuse beside the field.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import orjson
from django import forms
from django.utils.functional import cached_property
from django_countries import countries
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from orders.errors import DetailsLocked, InvalidRequest
from orders.models import Order
from orders.operations import Tracking
from orders.requests import Address, OrderDetails, SeedTracking, checked_details, parse
from orders.statuses import CancelReason

_CONTACT: Final = ("email", "phone")
_ADDRESS: Final = Address.__struct_fields__
# Where the API's struct has what the form's field is called: /trackingLink is tracking_link.
_TRACKING: Final = {f"/{field.encode_name}": field.name for field in msgspec.structs.fields(SeedTracking)}
_LABELS: Final = {"email": "E-mail", "line1": "Street", "line2": "Street, second line", "region": "Region or state"}

# What to write, where the structs can only say that a pattern does not match.
_WANTED: Final = {
    "contact_email": "Write one address, such as ann@example.com.",
    "contact_phone": "Write digits, and + ( ) . / - or blanks between them, such as +61 2 5550 1234.",
    "tracking_link": "Write a whole address that begins with https:// or http://.",
}


class _Text(forms.CharField):
    """One-line or longer text; what is left empty is no value."""

    locked_because = ""  # the refusal, when the order's status forbids a change

    def __init__(self, label: str, *, rows: int = 0, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": rows}) if rows else UnfoldAdminTextInputWidget()
        super().__init__(label=label, required=False, widget=widget, **kwargs)

    def to_python(self, value: Any) -> str:
        """Browsers send line ends as CR LF (WHATWG URL-encoded form data); orders have them as LF."""
        return (super().to_python(value) or "").replace("\r\n", "\n")


class StepForm(forms.Form):
    """The least a step asks for: which version it was decided on, and why."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Reason",
        max_length=500,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Stands in the order's timeline, under your name.",
    )

    def __init__(self, *args: Any, order: Order | None = None, **kwargs: Any) -> None:
        """`order` is None when the form stands for several orders at once."""
        self.order = order
        super().__init__(*args, **kwargs)
        if order is None:
            del self.fields["version"]
        else:
            self.fields["version"].initial = order.version

    @cached_property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The visible fields under their headings, in the order of the page."""
        return [("", list(self.visible_fields()))]

    def _put(self, error: InvalidRequest, names: dict[str, str]) -> list[str]:
        """Show each refusal beside its field; return the pointers. `names` gives the field of a pointer."""
        pointers = []
        for refused in error.errors:
            pointers.append(str(refused["pointer"]))
            name = names.get(str(refused["pointer"]))
            detail = str(refused["detail"]).replace("`", "")
            if refused["code"] == "wrong_format" and name in _WANTED:
                detail = _WANTED[name]
            self.add_error(name, detail)
        return pointers


class ReasonedForm(StepForm):
    """For what should not be done without a word."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = True


class CancelForm(StepForm):
    cause = forms.ChoiceField(
        label="Cause",
        # An order expires by itself; nobody decides it.
        choices=[choice for choice in CancelReason.choices if choice[0] != CancelReason.EXPIRED],
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ["version", "cause", "reason"]


class TrackingForm(StepForm):
    """Carrier, number and link of the order's latest parcel. Only what was changed is handed on."""

    tracking_company = _Text("Carrier")
    tracking_number = _Text("Tracking number")
    tracking_link = _Text("Tracking link", help_text="Where a customer can follow the parcel.")
    field_order = ["version", "tracking_company", "tracking_number", "tracking_link", "reason"]

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, order=order, **kwargs)
        shipment = order.shipments.order_by("-id").first()
        for name in ("tracking_company", "tracking_number", "tracking_link"):
            self.fields[name].initial = getattr(shipment, name, None) or ""

    def clean(self) -> dict[str, Any]:
        given = {
            name: self.cleaned_data[name] or None
            for name in _TRACKING.values()
            if name in self.changed_data and name in self.cleaned_data
        }
        body = {pointer[1:]: given[name] for pointer, name in _TRACKING.items() if name in given}
        for _ in _TRACKING:
            try:
                parse(orjson.dumps(body), SeedTracking)
            except InvalidRequest as error:
                for pointer in self._put(error, _TRACKING):
                    body.pop(pointer[1:], None)
            else:
                break
        self.tracking = Tracking(**given)
        return self.cleaned_data


class DetailsForm(StepForm):
    """Note, contact and addresses. What the order's status locks is shown, and says so."""

    note = _Text("Note", rows=4, help_text="What the customer asked for, or should know.")
    field_order = ["version", "note"]

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, order=order, **kwargs)
        self.fields["note"].initial = order.note
        self._add("contact", _CONTACT, {"email": order.contact_email, "phone": order.contact_phone}, "contact")
        for group in ("shipping_address", "billing_address"):
            self._add(group, _ADDRESS, getattr(order, group) or {}, "address")
        self.order_fields([*(name for name in self.fields if name != "reason"), "reason"])

    def _add(self, group: str, names: tuple[str, ...], values: dict[str, Any], rule: str) -> None:
        assert self.order is not None  # noqa: S101 - this form stands for one order
        try:
            self.order.check_editable(rule)
        except DetailsLocked as refusal:
            locked = str(refusal)
        else:
            locked = ""
        for name in names:
            field = _Text(_LABELS.get(name, name.replace("_", " ").capitalize()), disabled=bool(locked))
            if name == "country":
                field.widget = UnfoldAdminSelectWidget(choices=[("", "–"), *countries])
            field.locked_because = locked
            field.initial = values.get(name) or ""
            self.fields[_field(group, name)] = field

    @cached_property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        titles = {
            "contact": "Contact",
            "shipping_address": "Shipping address",
            "billing_address": "Billing address",
        }
        return [
            ("", [self["note"]]),
            *(
                (title, [field for field in self.visible_fields() if field.name.startswith(f"{group}_")])
                for group, title in titles.items()
            ),
            ("", [self["reason"]]),
        ]

    def clean(self) -> dict[str, Any]:
        body = self._changes()
        names = {"/note": "note"} | {f"/{group}/{name}": _field(group, name) for group, name in self._parts()}
        self.details = OrderDetails()
        for _ in range(len(names) + 1):
            try:
                self.details = checked_details(parse(orjson.dumps(body), OrderDetails))
            except InvalidRequest as error:
                for pointer in self._put(error, names):
                    _remove(body, pointer)
            else:
                break
        return self.cleaned_data

    def _parts(self) -> list[tuple[str, str]]:
        return [("contact", name) for name in _CONTACT] + [
            (group, name) for group in ("shipping_address", "billing_address") for name in _ADDRESS
        ]

    def _changes(self) -> dict[str, Any]:
        """A PATCH body with the groups in which something was changed."""
        changed = set(self.changed_data)
        body: dict[str, Any] = {}
        if "note" in changed:
            body["note"] = self.cleaned_data["note"]
        for group in ("contact", "shipping_address", "billing_address"):
            names = [name for part, name in self._parts() if part == group]
            if changed.isdisjoint(_field(group, name) for name in names):
                continue
            values = {name: self.cleaned_data.get(_field(group, name)) or None for name in names}
            # No billing address at all means: the same as where it is shipped to.
            body[group] = values if group != "billing_address" or any(values.values()) else None
        return body


def _field(group: str, name: str) -> str:
    return f"{group}_{name}"


def _remove(body: dict[str, Any], pointer: str) -> None:
    """Take out what was refused, so that the next thing wrong can be found."""
    *parents, name = pointer.strip("/").split("/")
    part = body
    for parent in parents:
        part = part.get(parent) or {}
    part.pop(name, None)
