"""What a page asks for before it does something with an order.

The limits of each text stand once, at the structs of the API: a form hands what was typed to the one its operation
takes, and puts what that refuses beside the field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Final, NamedTuple

import orjson
from django import forms
from django.forms.utils import ErrorDict
from django.http import QueryDict
from django.utils.functional import cached_property
from msgspec import Struct
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from orders.admin.display.moments import in_words
from orders.models import Order
from orders.requests.operations import (
    ChangeCustomer,
    Comment,
    DecideRefund,
    DecideReturn,
    Deliver,
    Extend,
    Hold,
    Plain,
    ReleaseHold,
    Undo,
    UndoParcel,
)
from orders.requests.parsing import parse
from orders.rules.errors import InvalidRequest
from orders.rules.lifecycle import BLOCKED_BY, HOLDABLE
from orders.rules.limits import MAX_MINUTES
from orders.rules.sight import Sight
from orders.rules.statuses import HoldKind

# What to write, where the structs can only say that something does not match.
_WANTED: Final = {
    ("contact_email", "wrong_format"): "Write one address, such as ann@example.com.",
    ("tracking_link", "wrong_format"): "Write a whole address that begins with https:// or http://.",
    ("number", "out_of_range"): "Thirty days at most.",
    ("tags", "out_of_range"): "At most 20 tags, each of at most 40 characters.",
}


class TextField(forms.CharField):
    """One-line or longer text that may be left empty."""

    locked_because = ""  # the refusal, when the order's status forbids a change

    def __init__(self, label: str, *, rows: int = 0, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": rows}) if rows else UnfoldAdminTextInputWidget()
        super().__init__(label=label, required=kwargs.pop("required", False), widget=widget, **kwargs)

    def to_python(self, value: Any) -> str:
        """Browsers send line ends as CR LF (WHATWG URL-encoded form data); orders have them as LF."""
        return (super().to_python(value) or "").replace("\r\n", "\n")


class Table(NamedTuple):
    """Fields that stand in rows; a cell is a field or text. The first column is wide, the others are narrow.

    Where `blank` is, rows can be added: it is one, in whose names `newROW` stands for `new` and a number.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[forms.BoundField | str]]
    help_text: str = ""
    blank: Sequence[forms.BoundField] = ()


class OperationForm(forms.Form):
    """The least an operation asks for: which version it was decided on, and why.

    `asks` is what the operation takes, `part_name` what that calls the part of the order it is meant for.
    """

    asks: ClassVar[type[Struct]] = Plain
    part_name: ClassVar[str] = ""
    tells_sums: ClassVar[bool] = False  # what it comes to stands beside the form, and follows what is typed

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    part = forms.CharField(required=False, widget=forms.HiddenInput)
    # What stood in the fields when the page was shown: so it is known later what was typed, and what only stood there.
    shown = forms.CharField(required=False, widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Reason",
        max_length=500,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Stands in the order's timeline, under your name.",
    )

    def __init__(
        self,
        *args: Any,
        order: Order | None = None,
        part: str = "",
        sight: Sight = Sight.ORDER,
        **kwargs: Any,
    ) -> None:
        """`order` is None when the form stands for several orders at once, `part` the id of what is meant.

        `sight` is how much of the order may be shown.
        """
        self.order, self.chosen, self.sight = order, part, sight
        super().__init__(*args, **kwargs)
        if order is None:
            del self.fields["version"], self.fields["shown"]
        else:
            self.fields["version"].initial = order.version
        if order is None or not self.part_name:
            del self.fields["part"]
        else:
            self.fields["part"].initial = part
        self.build()
        self.order_fields([name for name in self.fields if name != "reason"])
        if order is not None:
            self._follow(order)

    def build(self) -> None:
        """Fields and values that depend on the order."""

    @property
    def version_seen(self) -> int | None:
        """The version the page was shown at; None where nobody has sent it, or no number."""
        try:
            return int(self.data.get("version", "")) if self.is_bound else None
        except ValueError:
            return None

    def _follow(self, order: Order) -> None:
        """Where nobody typed, a field has what the order has now: it may be another version than the page showed.

        Without this, what a colleague changed meanwhile would be taken for typed, and be undone.
        """
        now = self._as_it_stands()
        as_shown = json.dumps({name: value for name, value in now.items() if value}, ensure_ascii=False)
        self.fields["shown"].initial = as_shown
        before = _read(self.data.get("shown")) if self.is_bound else None
        if before is None or self.version_seen == order.version:
            return
        data = QueryDict(mutable=True)
        data.update(self.data)
        for name, value in now.items():
            sent, stood = _with_one_line_end(data.get(name, "")), before.get(name, "")
            if value is not None and sent == stood and stood != value:
                data[name] = value
        data["shown"] = as_shown
        self.data = data

    def _as_it_stands(self) -> dict[str, str | None]:
        return {name: _as_sent(self, name) for name in self.fields if name not in ("version", "part", "shown")}

    def with_typed(self, typed: QueryDict) -> QueryDict:
        """What this page would send where it has been filled in so: see `typed_in`."""
        data = typed.copy()
        for name, value in self._as_it_stands().items():
            if value is not None and name not in data:
                data[name] = value
        if "shown" in self.fields:
            data["shown"] = self.fields["shown"].initial
        return data

    def grow(self) -> None:
        """Offer more rows, in a form that has some, and say nothing of what is in it yet."""
        self._errors = ErrorDict()

    def body(self) -> dict[str, Any]:
        """What was filled in, as the API would be sent it."""
        return {self.part_name: self.cleaned_data["part"]} if self.cleaned_data.get("part") else {}

    def read(self, body: dict[str, Any]) -> Struct:
        """Raises InvalidRequest."""
        return parse(orjson.dumps(body), self.asks)

    def field_at(self, pointer: str) -> str | None:
        """The field whose value stands at the pointer of the body."""
        name = pointer.strip("/").replace("/", "_")
        return name if name in self.fields else None

    def clean(self) -> dict[str, Any]:
        body = self.body()
        for _ in range(len(self.fields)):
            try:
                self._request = self.read(body)
            except InvalidRequest as error:
                if not self._put(error, body):
                    break
            else:
                break
        return self.cleaned_data

    def _put(self, error: InvalidRequest, body: dict[str, Any]) -> bool:
        """Show what is refused, and take it out of the body.

        Tell whether anything was taken out: then the next thing wrong can be found.
        """
        self.put(error)
        removed = [_remove(body, str(refused["pointer"])) for refused in error.errors]
        return any(removed)

    def put(self, error: InvalidRequest) -> None:
        """Show each refusal beside its field, unless something is said there already."""
        for refused in error.errors:
            name = self.field_at(str(refused["pointer"]))
            # What is missing may be missing because of what is said already, wherever that stands.
            said = self.errors if refused["code"] == "required" else name is not None and name in self.errors
            if not said:
                wanted = _WANTED.get((name or "", refused["code"]))
                self.add_error(name, wanted or str(refused["detail"]).replace("`", ""))

    def request(self) -> Struct:
        """What was filled in, as the operation takes it; once the form is valid."""
        return self._request

    @property
    def tables(self) -> Sequence[Table]:
        return ()

    @cached_property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The visible fields that stand in no table, under their headings, in the order of the page."""
        cells = [cell for table in self.tables for row in table.rows for cell in row]
        elsewhere = {cell.name for cell in cells if isinstance(cell, forms.BoundField)} | self.left_out
        return [("", [field for field in self.visible_fields() if field.name not in elsewhere])]

    @property
    def left_out(self) -> set[str]:
        """Names of fields that are understood, but not shown."""
        return set()


def typed_in(data: QueryDict) -> QueryDict:
    """Of what the page of an order sent, what somebody typed or chose: nothing that only stood there."""
    typed, stood = data.copy(), _read(data.get("shown"))
    typed.pop("shown", None)
    if stood is None:
        return typed
    for name in set(typed) - {"version", "part"}:
        if [_with_one_line_end(value) for value in typed.getlist(name)] == [stood.get(name, "")]:
            del typed[name]
    for name in stood:
        if stood[name] == "on" and name not in data:  # a tick that was taken away is not sent
            typed[name] = ""
    return typed


def _as_sent(form: forms.Form, name: str) -> str | None:
    """What a browser would send of a field into which nobody types; None of one that takes several values."""
    field = form.fields[name]
    value = field.prepare_value(form.get_initial_for_field(field, name))
    if isinstance(field, forms.MultipleChoiceField):
        return None
    if isinstance(value, bool):
        return "on" if value else ""
    return "" if value is None else _with_one_line_end(str(value))


def _with_one_line_end(text: str) -> str:
    return text.replace("\r\n", "\n")


def _read(shown: str | None) -> Mapping[str, str] | None:
    """None where it is not what a page of ours would send."""
    with suppress(ValueError, RecursionError):
        read = json.loads(shown or "")
        if isinstance(read, dict):
            return {name: value for name, value in read.items() if isinstance(value, str)}
    return None


def _remove(body: dict[str, Any], pointer: str) -> bool:
    """Of a list the whole."""
    name, _, rest = pointer.strip("/").partition("/")
    if rest and isinstance(part := body.get(name), dict):
        return _remove(part, rest)
    return body.pop(name, None) is not None


class ReasonedForm(OperationForm):
    """For what should not be done without a word."""

    def build(self) -> None:
        self.fields["reason"].required = True


class UndoForm(ReasonedForm):
    asks = Undo


class UndoParcelForm(ReasonedForm):
    asks = UndoParcel
    part_name = "shipment_id"


class ChangeCustomerForm(OperationForm):
    asks = ChangeCustomer

    customer_id = TextField("Customer", required=True)

    def build(self) -> None:
        if self.order is not None:
            self.fields["customer_id"].initial = self.order.customer_id

    def body(self) -> dict[str, Any]:
        return {"customer_id": self.cleaned_data.get("customer_id", "")}


class DecideRefundForm(OperationForm):
    asks = DecideRefund
    part_name = "refund_id"


class DecideReturnForm(OperationForm):
    asks = DecideReturn
    part_name = "return_id"


class DeliverForm(OperationForm):
    asks = Deliver
    part_name = "shipment_id"


class CommentForm(OperationForm):
    asks = Comment

    text = TextField("Comment", rows=4, required=True, help_text="Stands in the order's timeline, under your name.")

    def build(self) -> None:
        del self.fields["reason"]

    def body(self) -> dict[str, Any]:
        return {"text": self.cleaned_data.get("text", "")}

    def clean(self) -> dict[str, Any]:
        """The comment is all there is to say."""
        return {**(super().clean() or {}), "reason": ""}


class ReleaseHoldForm(OperationForm):
    asks = ReleaseHold
    part_name = "hold_id"


class ExtendForm(OperationForm):
    asks = Extend

    number = forms.IntegerField(
        label="For", min_value=1, max_value=MAX_MINUTES, initial=24, widget=UnfoldAdminIntegerFieldWidget
    )
    unit = forms.ChoiceField(
        label="Unit",
        choices=[("1", "Minutes"), ("60", "Hours"), ("1440", "Days")],
        initial="60",
        widget=UnfoldAdminSelectWidget,
    )

    def build(self) -> None:
        until = self.order and self.order.reserved_until
        at_present = f" At present its stock is held until {in_words(until)}." if until else ""
        self.fields["number"].help_text = f"Counted from now; thirty days at most.{at_present}"

    def body(self) -> dict[str, Any]:
        return {"minutes": (self.cleaned_data.get("number") or 1) * int(self.cleaned_data.get("unit") or 1)}

    def field_at(self, pointer: str) -> str | None:
        return "number" if pointer == "/minutes" else super().field_at(pointer)


class HoldForm(OperationForm):
    asks = Hold

    kind = forms.ChoiceField(label="Why", choices=HoldKind.choices, widget=UnfoldAdminSelectWidget)
    blocks = forms.MultipleChoiceField(
        label="What it blocks",
        required=False,
        choices=[(operation.value, operation.value.capitalize()) for operation in sorted(HOLDABLE)],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Nothing chosen: what a hold of the kind usually blocks. "
        + " ".join(f"{kind.label}: {', '.join(sorted(BLOCKED_BY[kind]))}." for kind in HoldKind),
    )

    def body(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("kind", "blocks") if self.cleaned_data.get(name)}
