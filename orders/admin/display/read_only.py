"""Lists that are read, and no more."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from events.keyset_list import ListedByKey


class ReadOnlyList(ListedByKey):
    """The newest first, of whatever length; its rows have no pages."""

    list_display_links = None
    ordering = ["-id"]
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
