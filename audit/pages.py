"""The history of one row on a page of the back office, and the pages whose changes it tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, NamedTuple

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from audit.models import Entry
from audit.recording import Audited, Values, lock, record

_SHOWN: Final = 100


class ToldChange(NamedTuple):
    """What became of one field. Of a list what came and what went, of a secret nothing more."""

    name: str
    before: str = "–"
    after: str = "–"
    added: str = ""
    removed: str = ""
    secret: bool = False

    def __str__(self) -> str:
        if self.secret:
            return f"{self.name} changed"
        if self.added or self.removed:
            return f"{self.name}: {'; '.join(filter(None, (self.added, self.removed)))}"
        return f"{self.name}: {self.before} → {self.after}"


def told_changes(entry: Entry) -> Iterator[ToldChange]:
    for change in entry.changes:
        name = change["field"].replace("_", " ")
        if "before" not in change:
            yield ToldChange(name, secret=True)
            continue
        before, after = change["before"], change["after"]
        if isinstance(before, list) or isinstance(after, list):
            was, now = before or [], after or []
            yield ToldChange(
                name,
                added=_listed("added", (part for part in now if part not in was)),
                removed=_listed("removed", (part for part in was if part not in now)),
            )
        else:
            yield ToldChange(name, _in_words(before), _in_words(after))


def _listed(what: str, parts: Iterable[str]) -> str:
    named = ", ".join(parts)
    return f"{what} {named}" if named else ""


def _in_words(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def history_page(
    model_admin: ModelAdmin[Any], request: HttpRequest, row: Model, *, key: object, back: str, back_to: str
) -> HttpResponse:
    """The latest changes of a row that the user may see, and a link to those before."""
    entries = Entry.objects.about(type(row), key).order_by("-id")
    before = request.GET.get("before", "")
    if before:
        if not (before.isascii() and before.isdigit() and len(before) < 19):
            raise Http404("Entries are numbered.")
        entries = entries.filter(id__lt=int(before))
    found = list(entries[: _SHOWN + 1])
    shown = found[:_SHOWN]
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": f"History of {row}",
        "entries": [(entry, list(told_changes(entry))) for entry in shown],
        "older": f"?before={shown[-1].pk}" if len(found) > _SHOWN else "",
        "back": back,
        "back_to": back_to,
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "audit/history.html", context)


class ShowsHistory:
    """Mixed into a `ModelAdmin` before all others: the history of a row shows what was logged of it, by anyone."""

    audited: Audited

    def render_change_form(self: Any, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """With a link to the history, which other pages have not."""
        return super().render_change_form(request, context | {"show_history": True}, *args, **kwargs)  # type: ignore[misc]  # of the page it is mixed into

    def history_view(
        self: Any, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}.")
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        page = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return history_page(
            self,
            request,
            row,
            key=getattr(row, self.audited.key),
            back=reverse(page, args=[quote(row.pk)]),
            back_to=f"Back to the {self.opts.verbose_name}",
        )


class RecordsChanges(ShowsHistory):
    """Also logs every change made on its pages.

    What was before is read when a page that is sent looks its row up, and locks it; what is after, when the admin logs
    it.
    """

    def get_object(self: Any, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)  # type: ignore[misc]  # of the page it is mixed into
        if row is not None and request.method == "POST":
            if connection.in_atomic_block and lock(row):
                row = super().get_object(request, object_id, from_field)  # type: ignore[misc]
            _values_before(request)[row.pk] = self.audited.values_of(row)
        return row

    def changelist_view(self: Any, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        with whole(request):
            return super().changelist_view(request, extra_context)  # type: ignore[misc]

    def log_addition(self: Any, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_addition(request, obj, message)  # type: ignore[misc]
        self._record(request, obj, "Made", before={})
        return entry

    def log_change(self: Any, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_change(request, obj, message)  # type: ignore[misc]
        self._record(request, obj, "Changed", before=_values_before(request)[obj.pk])
        return entry

    def log_deletions(self: Any, request: HttpRequest, queryset: Any) -> Any:
        entries = super().log_deletions(request, queryset)  # type: ignore[misc]
        for obj in queryset:
            record(
                obj, self.audited, by=actor_of(request), action="Deleted", before=self.audited.values_of(obj), after={}
            )
        return entries

    def _record(self: Any, request: HttpRequest, obj: Any, action: str, *, before: Values) -> None:
        now = self.audited.values_of(type(obj)._default_manager.get(pk=obj.pk))
        record(obj, self.audited, by=actor_of(request), action=action, before=before, after=now)


def whole(request: HttpRequest) -> AbstractContextManager[None]:
    """What a page that is sent changes, and what is logged of it: both or neither."""
    return transaction.atomic() if request.method == "POST" else nullcontext()


def actor_of(request: HttpRequest) -> str:
    return f"staff:{request.user.get_username()}"


def _values_before(request: HttpRequest) -> dict[Any, Values]:
    """What the rows were that this request has looked up, by their ids."""
    before: dict[Any, Values] = request.__dict__.setdefault("audited_before", {})
    return before
