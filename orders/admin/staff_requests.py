"""Who is asking in the back office, and what an operation is told of it."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest

from orders.changes import Origin

Staff = User | AnonymousUser


def user_of(request: HttpRequest) -> Staff:
    user: Staff = request.user
    return user


def origin_of(request: HttpRequest, *, reason: str = "") -> Origin:
    return Origin(
        actor=f"staff:{user_of(request).get_username()}",
        reason=reason,
        request_id=getattr(request, "request_id", ""),
        trace=getattr(request, "traceparent", None) or "",
    )
