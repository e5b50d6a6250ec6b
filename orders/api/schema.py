"""How the OpenAPI document is put together: routes as `docs.py` tells them, components from `components/`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from orders.api.components import HEADERS, MAY_BE_ABSENT, SCHEMAS
from orders.api.examples import EXAMPLES


class OrderServiceSchema(AutoSchema):
    """The library's, with the summary lines of `docs.py` alone: class docstrings are for developers."""

    def get_description(self) -> str:  # type: ignore[override]  # the library's, not DRF's
        return ""

    def get_examples(self) -> list[OpenApiExample]:
        return EXAMPLES.get(self.get_operation_id(), [])

    def _is_list_view(self, serializer: Any = None) -> bool:
        """No answer is a bare array: a list is a page, and its schema says so."""
        return False

    def _get_request_body(self, direction: str = "request") -> dict[str, Any] | None:
        """The library calls no body required that has no serializer."""
        body: dict[str, Any] | None = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        if body is not None:
            # By whichever media type it is sent, it is the same.
            content = next(iter(body["content"].values()))
            name = content["schema"]["$ref"].rpartition("/")[2]
            body["required"] = name not in MAY_BE_ABSENT
        return body

    def _get_response_headers_for_code(self, status_code: str, direction: str = "response") -> dict[str, Any]:
        """By reference: the library would describe each header again at each answer."""
        answered = [header for header in self.get_override_parameters() if isinstance(header, OpenApiParameter)]
        return {
            header.name: {"$ref": f"#/components/headers/{header.name}"}
            for header in answered
            if isinstance(header.response, tuple) and int(status_code) in header.response
        }


class StorefrontKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "orders.api.authentication.StorefrontKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "The key of a storefront. `Authorization: Api-Key <key>` works too.",
        }


def add_components(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Put what the routes refer to into the document (a drf-spectacular post-processing hook)."""
    components = result.setdefault("components", {})
    components["schemas"] = SCHEMAS
    components["headers"] = HEADERS
    return result
