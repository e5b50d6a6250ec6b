"""The list of orders that an address names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from orders.admin.operations.staff_requests import caller_of, sight_of, storefronts_of, user_of, visible_storefronts
from orders.admin.orders import search
from orders.admin.orders.narrowing import Filter, Narrowing, Person, order_filters, read
from orders.admin.orders.pages import Listing
from orders.models.querysets import OrderQuerySet
from orders.reading.listing import Cursor
from orders.rules.errors import InvalidRequest

SEARCH: Final = "q"
AS: Final = "as"  # which of the things the searched text can be is meant
CURSOR: Final = "cursor"


def address_of(model_admin: ModelAdmin, request: HttpRequest) -> Address:
    """Raises PermissionDenied for whoever may see no orders."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    return Address(model_admin, request)


@dataclass(frozen=True)
class Address:
    """The list that an address names, for whoever asks; see `address_of`."""

    model_admin: ModelAdmin
    request: HttpRequest

    @cached_property
    def parameters(self) -> dict[str, list[str]]:
        return {name: [value for value in values if value.strip()] for name, values in self.request.GET.lists()}

    @cached_property
    def filters(self) -> list[Filter]:
        user = user_of(self.request)
        return order_filters(visible_storefronts(user), Person(user.pk or 0, caller_of(user).person))

    @cached_property
    def narrowing(self) -> Narrowing:
        found = read(self.parameters, self.filters)
        known = {each.name for each in self.filters} | {SEARCH, AS, CURSOR}
        found.unusable += [f"There is no filter “{name[:100]}”." for name in self.parameters if name not in known]
        try:
            _ = self.cursor
        except InvalidRequest:
            found.unusable.append("The address names a page that this list never had. Begin with its newest orders.")
        if (limit := storefronts_of(user_of(self.request))) is not None:
            found.asked = found.asked.in_storefronts(limit)
        return found

    @cached_property
    def text(self) -> str:
        """What is searched for."""
        return " ".join(self.parameters.get(SEARCH, [])[:1]).strip()

    @cached_property
    def outcome(self) -> search.Outcome | None:
        if not self.text or self.narrowing.unusable:
            return None
        asked, user = self.narrowing.asked, user_of(self.request)
        orders: OrderQuerySet = self.model_admin.get_queryset(self.request)
        if asked.hides_deleted:
            orders = orders.not_deleted()
        return search.look(orders, self.text, storefronts=visible_storefronts(user), sight=sight_of(user))

    @property
    def taken(self) -> search.Guess | None:
        """What the searched text is taken for."""
        return self.outcome.taken("".join(self.parameters.get(AS, [])[:1])) if self.outcome else None

    @cached_property
    def cursor(self) -> Cursor | None:
        """Raises InvalidRequest for what no page has given out."""
        text = "".join(self.parameters.get(CURSOR, [])[:1])
        return Cursor.read(text) if text else None

    @cached_property
    def listing(self) -> Listing | None:
        """None where nothing is shown: something in the address cannot be used, or nothing is like what is searched."""
        if self.narrowing.unusable or (self.outcome is not None and self.taken is None):
            return None
        asked = self.narrowing.asked
        if (taken := self.taken) is not None:
            asked = asked.narrowed(taken.narrow, to_few=taken.finds_few)
        every = {storefront.pk for storefront in visible_storefronts(user_of(self.request))}
        return Listing(asked, frozenset(every))

    def filters_alone(self) -> str:
        """What is kept of an address. The same filters always give the same text, whatever their order."""
        names = sorted({each.name for each in self.filters if not each.personal} & set(self.parameters))
        return urlencode([(name, value) for name in names for value in sorted(set(self.parameters[name]))])

    def query(
        self,
        *,
        cursor: Cursor | None = None,
        without: tuple[str, str] | None = None,
        changed: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """This address, changed; without `cursor`, its newest page."""
        pairs = [
            (name, value)
            for name, values in self.parameters.items()
            for value in values
            if name != CURSOR and name not in changed and (name, value) != without
        ]
        pairs += changed.items()
        if cursor is not None:
            pairs.append((CURSOR, str(cursor)))
        return urlencode(pairs)
