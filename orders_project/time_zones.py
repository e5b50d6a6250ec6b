"""Each page of the back office has its times in the zone of whoever reads it; everything else stays with UTC."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from orders.admin.display.moments import activate
from orders.admin.operations.staff_requests import time_zone_of, user_of
from orders_project.back_office import is_back_office
from orders_project.error_pages import answer_to


class TimeZoneMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_back_office(request):
            return self.get_response(request)
        try:
            activate(time_zone_of(user_of(request)))
        except (DatabaseError, InterfaceError) as error:  # no view has been reached, for which others would answer
            if (answer := answer_to(request, error)) is None:
                raise
            return answer
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()
