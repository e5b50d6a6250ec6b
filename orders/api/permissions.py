"""May the key do this? Asked before anything of the request is read; the operations ask again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from orders.api.authentication import KeyPrincipal
from orders.rules.callers import refusal_to
from orders.rules.lifecycle import Operation
from orders.rules.scopes import Scope

if TYPE_CHECKING:
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """The key must have the scope that the view names for the request's method.

    Views say `scopes = {"GET": Scope.ORDERS_READ, …}` or, where a method is an operation on an order,
    `operations = {"DELETE": Operation.DELETE}`. A method that stands in neither is open to every key.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        principal: Any = request.user
        if not isinstance(principal, KeyPrincipal):
            return False
        operation: Operation | None = getattr(view, "operations", {}).get(request.method)
        if operation is not None and (refusal := refusal_to(principal.caller, operation)):
            raise refusal
        scope: Scope | None = getattr(view, "scopes", {}).get(request.method)
        if scope is not None and scope not in principal.scopes:
            has = ", ".join(sorted(principal.scopes)) or "none"
            raise PermissionDenied(f"This needs the scope {scope.value}; the key has: {has}.", code="missing_scope")
        return True
