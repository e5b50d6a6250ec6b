"""The WSGI application of the reference InventoryService."""

from typing import Any

import django
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


class _Request(WSGIRequest):
    urlconf = "inventory_client.server.urls"


class InventoryApplication(WSGIHandler):
    """Django's request handling with the contract's paths and without the order service's middleware."""

    request_class = _Request

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]


def get_application() -> InventoryApplication:
    """For servers that start from nothing but this module's name (DJANGO_SETTINGS_MODULE must be set)."""
    django.setup(set_prefix=False)
    return InventoryApplication()
