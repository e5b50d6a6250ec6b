"""The list of orders: the page that shows it, and what is done from there."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from unfold.admin import ModelAdmin

from orders.admin.display.frame import framed
from orders.admin.operations.bulk import MOST_ORDERS, Selection, bulk_actions, list_url
from orders.admin.operations.staff_requests import signed_in, user_of
from orders.admin.orders import search
from orders.admin.orders.columns import cells_of, choose_columns, chosen_columns, columns_for, seen_of
from orders.admin.orders.export import MOST_SHEET_ROWS, exported
from orders.admin.orders.list_address import AS, CURSOR, SEARCH, Address, address_of
from orders.admin.orders.narrowing import Chip, Filter
from orders.admin.orders.pages import PAGE_ROWS, Page
from orders.admin.orders.papers import MOST_PAPERS, PAPERS, print_chosen
from orders.admin.orders.saved_views import may_be_saved, views_for

# How long somebody waits until all orders of a list are chosen.
_SECONDS_TO_CHOOSE: Final = 10.0


class FilterField(NamedTuple):
    """A filter as the form shows it."""

    filter: Filter
    values: list[str]


def list_page(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Show the list with GET; a POST is an action on orders of it."""
    address = address_of(model_admin, request)
    if request.method == "POST":
        return _act(address)
    if address.outcome is not None and address.outcome.only is not None and _only_searches(address):
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[address.outcome.only]))
    page = Page([], None, None) if address.listing is None else address.listing.page(address.cursor, rows=PAGE_ROWS)
    status = 400 if address.narrowing.unusable else 200
    return framed(model_admin, request, "admin/orders/order/list.html", _context(address, page), status=status)


def columns_page(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Takes what the menu of columns sends, and goes back to the list."""
    address_of(model_admin, request)
    if request.method == "POST":
        choose_columns(signed_in(request), request.POST.getlist("column"))
    return HttpResponseRedirect(list_url(request.GET.urlencode()))


def export_list(model_admin: ModelAdmin, request: HttpRequest, *, form: str) -> HttpResponseBase:
    """The list as a file of this form. It is a POST, because it stands in the log."""
    address = address_of(model_admin, request)
    if request.method != "POST":
        return HttpResponseRedirect(list_url(request.GET.urlencode()))
    if address.listing is None:
        messages.error(request, "This list shows no orders: there is nothing to export.")
        return HttpResponseRedirect(list_url(request.GET.urlencode()))
    # The log is kept for ever, so it tells of no person.
    personal = {each.name: each.title for each in address.filters if each.personal}
    told = [personal.get(chip.name, chip.label) for chip in address.narrowing.chips]
    told += ["a search"] if address.text else []
    return exported(address.listing, form, user=signed_in(request), narrowed_by=told)


def _only_searches(address: Address) -> bool:
    return set(address.parameters) <= {SEARCH, AS, "deleted"}


def _act(address: Address) -> HttpResponse:
    """The page of an action, for the ticked orders or for the newest of the whole list."""
    request, user = address.request, user_of(address.request)
    actions = bulk_actions(user)
    chosen = request.POST.get("action", "")
    ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
    everything = request.POST.get("select_across") == "1"
    paper = PAPERS.get(chosen)
    if not (paper or chosen in actions) or not (ticked or everything):
        messages.warning(request, "Tick the orders it is meant for, and choose what is to be done with them.")
        return HttpResponseRedirect(request.get_full_path())
    if paper:
        shown = _everything(address, MOST_PAPERS + 1).versions if everything else _uuids(ticked)
        return print_chosen(paper, list(shown))
    show_page, _, _ = actions[chosen]
    selection = _everything(address, MOST_ORDERS) if everything else _ticked(address, ticked)
    return show_page(address.model_admin, request, selection)


def _uuids(ticked: list[str]) -> list[UUID]:
    return search.uuids_in(ticked[:PAGE_ROWS])


def _ticked(address: Address, ticked: list[str]) -> Selection:
    orders = address.model_admin.get_queryset(address.request).filter(pk__in=_uuids(ticked))
    return Selection(dict(orders.values_list("pk", "version")))


def _everything(address: Address, most: int) -> Selection:
    """The newest of the whole list, as many as are found in time."""
    versions: dict[UUID, int] = {}
    deadline, cut = monotonic() + _SECONDS_TO_CHOOSE, ""
    for orders in () if address.listing is None else replace(address.listing, bare=True).pages(most=most):
        if monotonic() > deadline:
            cut = f"Looking through the list ended after {_SECONDS_TO_CHOOSE:g} seconds: these are the newest of it."
            break
        versions.update((order.pk, order.version) for order in orders)
    if len(versions) >= most:
        cut = f"No more than {most:,} orders are taken at once: these are the newest."
    return Selection(versions, cut)


def _context(address: Address, page: Page) -> dict[str, Any]:
    user = user_of(address.request)
    columns = chosen_columns(user)
    seen = seen_of(page.orders, columns, user)
    shown = {column.key for column in columns}
    return {
        "title": "Orders",
        "is_fullwidth": "1",
        "page": page,
        "rows": [(order, cells_of(order, columns, seen)) for order in page.orders],
        "columns": columns,
        "column_choices": [(column, column.key in shown) for column in columns_for(user)],
        "chips": _chips(address),
        "unusable": address.narrowing.unusable,
        "usable": urlencode([(chip.name, chip.value) for chip in address.narrowing.chips]),
        "searched": _searched(address),
        "filters": [FilterField(each, address.parameters.get(each.name, [])) for each in address.filters],
        "views": views_for(user, address.filters_alone()),
        "may_be_saved": may_be_saved(address),
        "most_sheet_rows": f"{MOST_SHEET_ROWS:,}",
        "actions": [(slug, title) for slug, (_, _, title) in bulk_actions(user).items()],
        "papers": [(paper.slug, f"{paper.many} of selected orders") for paper in PAPERS.values()],
        "most_orders": f"{MOST_ORDERS:,}",
        "query": address.query(cursor=address.cursor if not address.narrowing.unusable else None),
        "newest": address.query(),
        "newer": address.query(cursor=page.newer) if page.newer else "",
        "older": address.query(cursor=page.older) if page.older else "",
        "is_first": CURSOR not in address.parameters,
    }


def _chips(address: Address) -> list[tuple[Chip, str]]:
    """Each with the address that is left without it."""
    chips = address.narrowing.chips
    if address.text:
        what = address.taken.what if address.taken else "Search"
        chips = [Chip(SEARCH, address.parameters[SEARCH][0], f"{what[0].upper()}{what[1:]}: {address.text}"), *chips]
    return [(chip, address.query(without=(chip.name, chip.value))) for chip in chips]


def _searched(address: Address) -> dict[str, Any] | None:
    """What was tried, or what else the text can be."""
    if address.outcome is None:
        return {"text": address.text} if address.text else None
    others = [guess for guess in address.outcome.hits if guess != address.taken]
    return {
        "text": address.text,
        "tried": address.outcome.tried,
        "found": address.taken,
        "others": [(guess.what, address.query(changed={AS: guess.key})) for guess in others],
        "with_deleted": address.query(changed={"deleted": "shown"}) if address.narrowing.asked.hides_deleted else "",
    }
