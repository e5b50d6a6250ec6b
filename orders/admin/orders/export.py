"""The list of orders as a file, for spreadsheets: CSV is sent while it is read, XLSX once it is written."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, tzinfo
from decimal import Decimal
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final, NamedTuple

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import prefetch_related_objects
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from xlsxwriter import Workbook

from orders.admin.display.amounts import written
from orders.admin.display.contents import hold_label
from orders.admin.operations.staff_requests import sight_of
from orders.admin.orders.columns import person_of
from orders.admin.orders.pages import Listing
from orders.models import Order
from orders.rules.sight import Sight
from orders.rules.time_zones import name_of

# A sheet is written before any of it is sent; so many take well under a minute.
MOST_SHEET_ROWS: Final = 20_000
FORMS: Final = ("csv", "xlsx")
# What spreadsheets take for the beginning of a formula.
_FORMULA: Final = re.compile(r"[\t\r]|\s*[=+\-@＝＋－＠]")
# Where a spreadsheet takes semicolons or tabs for what separates cells, one begins in the middle of a text, and our
# quotes around it are none.
_FORMULA_INSIDE: Final = re.compile(r"([;\t\r\n][\s\"]*)(?=[=+\-@＝＋－＠])")
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Value = str | Decimal | datetime | None


class _Field(NamedTuple):
    title: str
    of: Callable[[Order], Value]
    personal: bool = False


def _money(name: str) -> Callable[[Order], Value]:
    def amount(order: Order) -> Value:
        text = written(getattr(order, name), order.currency)
        return Decimal(text) if text else None

    return amount


def _address(name: str) -> Callable[[Order], Value]:
    return lambda order: (order.shipping_address or order.billing_address or {}).get(name)


_FIELDS: Final = [
    _Field("number", lambda order: order.number),
    _Field("id", lambda order: str(order.pk)),
    _Field("storefront", lambda order: order.storefront.code),
    _Field("external_reference", lambda order: order.external_reference),
    _Field("placed_at", lambda order: order.placed_at),
    _Field("updated_at", lambda order: order.updated_at),
    _Field("status", lambda order: order.status),
    _Field("payment_status", lambda order: order.payment_status),
    _Field("fulfillment_status", lambda order: order.fulfillment_status),
    _Field("customer_id", lambda order: order.customer_id),
    _Field("name", person_of, personal=True),
    _Field("email", lambda order: order.contact_email, personal=True),
    _Field("phone", lambda order: order.contact_phone_e164 or order.contact_phone, personal=True),
    _Field("postal_code", _address("postal_code"), personal=True),
    _Field("city", _address("city"), personal=True),
    _Field("country", _address("country"), personal=True),
    _Field("currency", lambda order: order.currency),
    _Field("total", _money("total_amount")),
    _Field("credited", _money("credited_amount")),
    _Field("captured", _money("captured_amount")),
    _Field("refunded", _money("refunded_amount")),
    _Field("items", lambda order: ", ".join(f"{item.quantity} × {item.product_id}" for item in order.items.all())),
    _Field(
        "tracking_numbers", lambda order: ", ".join(parcel.tracking_number or "" for parcel in order.shipments.all())
    ),
    _Field("tags", lambda order: ", ".join(order.tags)),
    _Field("holds", lambda order: ", ".join(hold_label(hold) for hold in order.holds)),
    _Field("deleted_at", lambda order: order.deleted_at),
]


def write_orders(
    listing: Listing, stream: BinaryIO, form: str, *, sight: Sight, tell: Callable[[int], None] = lambda count: None
) -> int:
    """Write them to the stream; return how many. `tell` is told now and then how many it has been so far."""
    told, counting = _told(listing, sight), _Counting(tell)
    if form == "xlsx":
        with _sheet(told, counting) as sheet:
            shutil.copyfileobj(sheet, stream)
    else:
        for line in _lines(told, counting):
            stream.write(line.encode())
    return counting.count


def exported(listing: Listing, form: str, *, user: User, narrowed_by: Iterable[str]) -> HttpResponseBase:
    """As `csv` or `xlsx`. Whoever may not see what tells of a person gets no column with it."""
    told = _told(listing, sight_of(user))
    log = _Log(user, form, narrowed_by)
    name = f"orders-{timezone.localtime():%Y-%m-%d-%H%M}.{form}"
    if form == "xlsx":
        return FileResponse(_sheet(told, log), as_attachment=True, filename=name, content_type=_XLSX)
    answer = StreamingHttpResponse(_lines(told, log), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


class _Log:
    """An entry of the staff's log: made before the first order is read, and told how many there were at the end."""

    def __init__(self, user: User, form: str, narrowed_by: Iterable[str]) -> None:
        self._what = f"as {form.upper()} ({', '.join(narrowed_by) or 'all'})"
        self._entry = LogEntry.objects.create(
            user=user,
            content_type=ContentType.objects.get_for_model(Order),
            object_id=None,
            object_repr="Orders",
            action_flag=CHANGE,
            change_message=f"Began to export orders {self._what}.",
        )

    def so_far(self, count: int) -> None:
        """Nobody watches."""

    def finished(self, count: int) -> None:
        self._entry.change_message = f"Exported {count:,} order{'' if count == 1 else 's'} {self._what}."
        self._entry.save(update_fields=["change_message"])


class _Counting:
    """What a command has of an export."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self.count, self.so_far = 0, tell

    def finished(self, count: int) -> None:
        self.count = count


class _Told(NamedTuple):
    """What of which orders is told, with times in which zone."""

    listing: Listing
    fields: list[_Field]
    zone: tzinfo

    def titles(self) -> list[str]:
        return [field.title for field in self.fields]

    def rows(self, most: int | None = None) -> Iterator[list[list[Value]]]:
        """A page of the list at a time."""
        for orders in self.listing.pages(most=most):
            prefetch_related_objects(orders, "items", "shipments")
            yield [[self._value(field.of(order)) for field in self.fields] for order in orders]

    def _value(self, value: Value) -> Value:
        if not isinstance(value, datetime):
            return value
        return value.astimezone(self.zone).isoformat(timespec="seconds").replace("+00:00", "Z")


def _told(listing: Listing, sight: Sight) -> _Told:
    """Whoever reads the file sees in which zone its times are; it is written when the request's is no longer known."""
    fields = [field for field in _FIELDS if sight is Sight.CUSTOMER or not field.personal]
    zone = timezone.get_current_timezone()
    return _Told(listing, [*fields, _Field("time_zone", lambda _: name_of(zone))], zone)


class _Echo:
    """What a csv.writer writes to; it hands each line back."""

    def write(self, line: str) -> str:
        return line


def _lines(told: _Told, log: _Log | _Counting) -> Iterator[str]:
    writer = csv.writer(_Echo())
    # Excel takes a file for UTF-8 only when it begins with this mark.
    yield "\ufeff" + writer.writerow(told.titles())
    count = 0
    for rows in told.rows():
        count += len(rows)
        yield "".join(writer.writerow([_as_text(value) for value in row]) for row in rows)
        log.so_far(count)
    log.finished(count)


def _as_text(value: Value) -> str:
    """What looks like a formula becomes text. Our own numbers are none."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    guarded = _FORMULA_INSIDE.sub(r"\1'", value)
    return f"'{guarded}" if _FORMULA.match(guarded) else guarded


def _sheet(told: _Told, log: _Log | _Counting) -> Any:
    """Rows go to a file as they come; cells are texts or numbers by type, so none is a formula."""
    file = TemporaryFile()  # noqa: SIM115 - the answer closes it
    book = Workbook(file, {"constant_memory": True})
    sheet = book.add_worksheet("Orders")
    for place, title in enumerate(told.titles()):
        sheet.write_string(0, place, title)
    count = 0
    for rows in told.rows(MOST_SHEET_ROWS):
        for row in rows:
            count += 1
            for place, value in enumerate(row):
                if isinstance(value, Decimal):
                    sheet.write_number(count, place, float(value))
                elif value:
                    sheet.write_string(count, place, _as_text(value))
        log.so_far(count)
    sheet.freeze_panes(1, 1)
    book.close()
    file.seek(0)
    log.finished(count)
    return file
