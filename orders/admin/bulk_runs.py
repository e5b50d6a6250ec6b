"""Bulk runs: what is done in the background, how far it has come, and what became of each order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders import operations
from orders.admin.display.frame import framed
from orders.admin.display.moments import in_words, moment
from orders.admin.display.names import Names, called, name_behind
from orders.admin.display.pills import pill
from orders.admin.display.read_only import ReadOnlyList
from orders.admin.operations.bulk import run_url
from orders.admin.operations.staff_requests import Staff, caller_of, signed_in, storefronts_of, user_of
from orders.admin.operations.table import STAFF_OPERATIONS
from orders.models import BulkRun, Order
from orders.models.bulk_runs import BulkRunQuerySet, RunOutcome, RunState
from orders.rules.callers import refusal_to
from orders.rules.lifecycle import Operation

_ROWS: Final = 100  # of a page
_LOOKS: Final = {RunState.RUNNING: "going", RunState.FINISHED: "good", RunState.STOPPED: "ended"}
_LEFT: Final = "left"
_OUTCOMES: Final = (RunOutcome.REFUSED, RunOutcome.DONE, RunOutcome.UNCHANGED)


@dataclass(frozen=True)
class Tab:
    value: str
    label: str
    orders: int

    @property
    def count(self) -> str:
        return f"{self.orders:,}"


@admin.register(BulkRun)
class BulkRunAdmin(ReadOnlyList):
    """For whoever sees orders, and all orders of the run: nothing is told of those of other storefronts."""

    list_display = ["started", "what", "who", "state_shown", "progress"]
    ordering = ["-id"]  # made when it is started

    def is_narrowed(self, request: HttpRequest) -> bool:
        return storefronts_of(user_of(request)) is not None

    def place_of(self, row: BulkRun) -> str:
        return in_words(row.started_at)

    def get_queryset(self, request: HttpRequest) -> BulkRunQuerySet:
        runs: BulkRunQuerySet = BulkRun.objects.within(storefronts_of(user_of(request))).order_by(*self.ordering)
        return runs.annotate(actor_name=name_behind("actor"))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return user_of(request).has_perm("orders.view_order")

    def get_urls(self) -> list[URLPattern]:
        stop = path("<uuid:run_id>/stop/", self.admin_site.admin_view(self.stop_view), name="orders_bulkrun_stop")
        urls: list[URLPattern] = super().get_urls()
        return [stop, *urls]

    # --- the list ---

    @admin.display(description="Started")
    def started(self, run: BulkRun) -> SafeString | str:
        return moment(run.started_at)

    @admin.display(description="What")
    def what(self, run: BulkRun) -> SafeString:
        return format_html('<a class="link" href="{}">{}</a>', run_url(run.pk), _title(run))

    @admin.display(description="By")
    def who(self, run: BulkRun) -> str:
        return _started_by(run)

    @admin.display(description="State")
    def state_shown(self, run: BulkRun) -> SafeString:
        return _state_pill(run)

    @admin.display(description="Orders")
    def progress(self, run: BulkRun) -> str:
        return _progress(run)

    # --- one run ---

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request) or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        run = self._run(request, object_id)
        return framed(self, request, "admin/orders/bulkrun/page.html", _context(run, request))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What there is of it stands on its page."""
        return HttpResponseRedirect(run_url(self._run(request, object_id).pk))

    def stop_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = self._run(request, run_id)
        if request.method != "POST":
            return HttpResponseRedirect(run_url(run.pk))
        user = signed_in(request)
        if not _may_stop(run, user):
            raise PermissionDenied
        if operations.stop_run(run.pk, because=f"{called(user)} stopped it."):
            LogEntry.objects.log_actions(user.pk, [run], CHANGE, f"Stopped: {_title(run)}.", single_object=True)
            messages.success(
                request, "The run is stopped. The order it was at is still done; the others stay as they are."
            )
        else:
            messages.info(request, "The run had ended already.")
        return HttpResponseRedirect(run_url(run.pk))

    def _run(self, request: HttpRequest, run_id: UUID | str) -> BulkRun:
        """Raises Http404."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return self.get_queryset(request).get(pk=run_id if isinstance(run_id, UUID) else UUID(run_id))
        except (ValueError, BulkRun.DoesNotExist):
            raise Http404(f"There is no bulk run {run_id}.") from None


def _context(run: BulkRun, request: HttpRequest) -> dict[str, Any]:
    user = user_of(request)
    told = run.arguments | ({"reason": run.reason} if run.reason else {}) if user.has_perm("events.view_event") else {}
    counts = {RunOutcome.REFUSED: run.refused, RunOutcome.DONE: run.done, RunOutcome.UNCHANGED: run.unchanged}
    tabs = [Tab(outcome.value, str(outcome.label), counts[outcome]) for outcome in _OUTCOMES]
    tabs.append(Tab(_LEFT, "Still to do" if run.is_running else "Left alone", run.left))
    usual = next((tab.value for tab in tabs if tab.orders), _LEFT)
    asked = request.GET.get("show", "")
    shown = asked if asked in {tab.value for tab in tabs} else usual
    rows = run.orders.filter(outcome=None if shown == _LEFT else shown)
    if after := _uuid(request.GET.get("after", "")):
        rows = rows.filter(order_id__gt=after)
    found = list(rows.order_by("order_id")[: _ROWS + 1])
    known = Order.all_objects.in_bulk([row.order_id for row in found[:_ROWS]])
    return {
        "title": _title(run),
        "run": run,
        "who": _started_by(run),
        "state": _state_pill(run),
        "progress": _progress(run),
        "values": [(name.replace("_", " "), _as_text(value)) for name, value in told.items() if value],
        "tabs": tabs,
        "shown": shown,
        "rows": [(known.get(row.order_id), row) for row in found[:_ROWS]],
        "next": found[_ROWS - 1].order_id if len(found) > _ROWS else None,
        "may_stop": run.is_running and _may_stop(run, user),
        "stop_url": reverse("admin:orders_bulkrun_stop", args=[run.pk]),
        "list_url": reverse("admin:orders_bulkrun_changelist"),
    }


def _may_stop(run: BulkRun, user: Staff) -> bool:
    """Whoever started it, and whoever may do the same."""
    return run.person_id == user.pk or refusal_to(caller_of(user), Operation(run.operation)) is None


def _started_by(run: Any) -> str:
    return Names({run.actor: run.actor_name}).of(run.actor)


def _title(run: BulkRun) -> str:
    return STAFF_OPERATIONS[run.operation].title_of(run.total)


def _state_pill(run: BulkRun) -> SafeString:
    state = RunState(run.state)
    return pill(state.label, _LOOKS[state])


def _progress(run: BulkRun) -> str:
    """1,200 of 2,345: 1,150 done, 50 refused."""
    counts = ((run.done, "done"), (run.unchanged, "like this already"), (run.refused, "refused"))
    told = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    return f"{run.settled:,} of {run.total:,}{': ' if told else ''}{told}"


def _as_text(value: Any) -> str:
    words = [str(part).replace("_", " ") for part in (value if isinstance(value, list) else [value])]
    return ", ".join(words)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
