"""Lists of the back office by a key: each page goes on where the last one ended, and none is counted.

What no index answers is tested on the way, a stretch of the table at a time: a page ends early when its time is up, and
says how far it has looked. To whoever sees only some of the rows nothing else is told of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from events.sealed_places import NoPlace, seal, unseal

BEFORE: Final = "before"  # the key of the last row of the page before this one, in the order of the list
AFTER: Final = "after"  # the key of the first row of the page that follows it
_STRETCH: Final = 20_000
_SECONDS: Final = 1.0


class PagesByKey(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Only names the links below the list; `KeysetChangeList` has the rows."""

    template_name = "events/pages_by_key.html"


class KeysetChangeList(ChangeList):
    """`ordering` of the page is its `list_key`, upwards or downwards.

    `next_page` and `previous_page` are queries of the address, empty where there is no page; `looked_to` is the row at
    which the page ended early.
    """

    next_page = previous_page = ""
    looked_to: Any = None

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """The place in the list is no filter, and no link to one takes it along."""
        for name in (BEFORE, AFTER):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return rows

    def get_results(self, request: HttpRequest) -> None:
        self._is_narrowed = self.model_admin.is_narrowed(request)
        backwards, key = self._place(request)
        rows = self._rows(key, backwards)
        size = self.list_per_page
        more, shown = len(rows) > size, rows[:size]
        if backwards:
            shown = shown[::-1]
        self._link(shown, key=key, backwards=backwards, more=more)
        self.result_list = self.model_admin.made_ready(shown, request)
        self.result_count = self.full_result_count = len(shown)
        self.show_full_result_count = False
        self.show_admin_actions = bool(shown)
        self.can_show_all, self.multi_page = False, True
        self.paginator = PagesByKey(shown, size)

    def _place(self, request: HttpRequest) -> tuple[bool, Any]:
        """Which way the page is read, and from which key; None is the beginning of the list."""
        for name, backwards in ((AFTER, True), (BEFORE, False)):
            if text := request.GET.get(name, ""):
                try:
                    place = unseal(text, listed=self.model._meta.label) if self._is_narrowed else text
                    return backwards, self._field.to_python(place)
                except (ValidationError, NoPlace):
                    messages.warning(request, f"“{text}” is no place in this list, so its beginning is shown.")
                    raise IncorrectLookupParameters from None
        return False, None

    def _rows(self, key: Any, backwards: bool) -> Sequence[Any]:
        """One more than a page has, to know whether the list goes on."""
        wanted = self.list_per_page + 1
        if not self._is_tested:
            return list(self._from(self.queryset, key, backwards)[:wanted])
        found: list[Any] = []
        deadline = monotonic() + _SECONDS
        while True:
            end = self._end_of_stretch(key, backwards)
            rows = self._from(self.queryset, key, backwards)
            found += (rows if end is None else rows.filter(**{f"{self._key}__{self._onto(backwards)}e": end}))[
                : wanted - len(found)
            ]
            if len(found) >= wanted or end is None:
                return found
            key = end
            if monotonic() > deadline:
                self.looked_to = self.model._base_manager.filter(**{self._key: end}).first()
                return found

    @property
    def looked_to_in_words(self) -> str:
        return str(self.model_admin.place_of(self.looked_to))

    @property
    def _key(self) -> str:
        return str(self.model_admin.list_key)

    @property
    def _field(self) -> Any:
        return self.model._meta.pk if self._key == "pk" else self.model._meta.get_field(self._key)

    @property
    def _descending(self) -> bool:
        return bool(self.model_admin.ordering[0].startswith("-"))

    @property
    def _is_tested(self) -> bool:
        """Whether rows may be passed over. What is searched for, and some filters, an index answers."""
        by_filters = any(
            spec.has_output() and not getattr(spec, "has_index", False) and spec.used_parameters
            for spec in self.filter_specs
        )
        searched = bool(self.query)
        if searched and self.model_admin.search_has_index:
            return False
        return searched or by_filters or self._is_narrowed

    def _end_of_stretch(self, key: Any, backwards: bool) -> Any:
        everything = self._from(self.model._base_manager.order_by(self.model_admin.ordering[0]), key, backwards)
        return next(iter(everything.values_list(self._key, flat=True)[_STRETCH - 1 : _STRETCH]), None)

    def _from(self, rows: QuerySet[Any], key: Any, backwards: bool) -> QuerySet[Any]:
        """Behind the key, in the order of the list or, backwards, the other way."""
        sign = "-" if self._descending != backwards else ""
        rows = rows.order_by(f"{sign}{self._key}")
        way = "lt" if sign else "gt"
        return rows if key is None else rows.filter(**{f"{self._key}__{way}": key})

    def _onto(self, backwards: bool) -> str:
        return "gt" if self._descending != backwards else "lt"

    def _link(self, shown: Sequence[Any], *, key: Any, backwards: bool, more: bool) -> None:
        first, last = (self._key_of(shown[0]), self._key_of(shown[-1])) if shown else (key, key)
        goes_on, came_from = (more or self.looked_to is not None), key is not None
        if self.looked_to is not None and not more:
            far = self._key_of(self.looked_to)
            first, last = (far, last) if backwards else (first, far)
        if came_from if backwards else goes_on:
            self.next_page = self._address(BEFORE, last)
        if goes_on if backwards else came_from:
            self.previous_page = self._address(AFTER, first)

    def _key_of(self, row: Any) -> Any:
        return getattr(row, self._key)

    def _address(self, name: str, key: Any) -> str:
        kept = [(name, value) for name, values in self.filter_params.items() for value in values]
        searched = [("q", self.query)] if self.query else []
        # It may be the key of a row that is not shown.
        place = seal(str(key), listed=self.model._meta.label) if self._is_narrowed else key
        return f"?{urlencode([*searched, *kept, (name, place)])}"


class ListedByKey(ModelAdmin):
    """A list of whatever length. `ordering` is its `list_key`, whose values are unique."""

    list_key = "pk"
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count whole tables
    sortable_by: list[str] = []
    # Whether an index answers what is searched for; else the list is looked through for it.
    search_has_index = True
    # What the links to other pages of the list are called, and what an empty list says.
    previous_name, next_name = "Newer", "Older"
    nothing_there = ""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def made_ready(self, rows: Sequence[Any], request: HttpRequest) -> Sequence[Any]:
        """The rows of a page, with what is shown of them from other tables."""
        return rows

    def is_narrowed(self, request: HttpRequest) -> bool:
        """Whether `get_queryset` leaves rows out that no index passes over."""
        return False

    def place_of(self, row: Any) -> str:
        """Where in the list a row is, in words. It may be a row that is not shown: a time, to the minute."""
        raise NotImplementedError


class ReadByKey(ListedByKey):
    """Is looked at: nothing is added, changed or deleted on its pages."""

    search_fields = ["pk"]  # only switches the box on; each class says how it searches

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # The permission to change shows the actions of the list; a single row's page never has a form.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
