"""Sessions, users and messages for the staff pages only.

The API knows its callers by key, so a request outside the staff pages passes these by without a session,
a user or a query. They are subclasses: the admin's system checks find what they look for.
"""

from collections.abc import Awaitable

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest, HttpResponseBase

BACK_OFFICE_PATH = "/admin/"

# What Django's own classes say they return; only the first is ever meant here.
Answer = HttpResponseBase | Awaitable[HttpResponseBase]


def is_back_office(request: HttpRequest) -> bool:
    """Whether the request is for a staff page."""
    return request.path_info.startswith(BACK_OFFICE_PATH)


class SessionMiddleware(sessions.SessionMiddleware):
    async_capable = False

    def __call__(self, request: HttpRequest) -> Answer:
        if is_back_office(request):
            return super().__call__(request)
        return self.get_response(request)


class AuthenticationMiddleware(auth.AuthenticationMiddleware):
    async_capable = False

    def __call__(self, request: HttpRequest) -> Answer:
        if is_back_office(request):
            return super().__call__(request)
        return self.get_response(request)


class MessageMiddleware(messages.MessageMiddleware):
    async_capable = False

    def __call__(self, request: HttpRequest) -> Answer:
        if is_back_office(request):
            return super().__call__(request)
        return self.get_response(request)
