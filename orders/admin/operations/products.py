"""Products for a new row of an order, as JSON: the page of an amendment asks while somebody types."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from unfold.admin import ModelAdmin

from orders.admin.display.amounts import written
from orders.admin.operations.staff_requests import order_in, user_of
from orders.admin.operations.table import STAFF_OPERATIONS
from orders.reading.sold_products import sold_products
from orders.rules.lifecycle import Operation

_SHORTEST: Final = 2
_LONGEST: Final = 200
_MOST: Final = 8


def products_page(model_admin: ModelAdmin, request: HttpRequest, order_id: UUID) -> JsonResponse:
    """What the order's storefront has sold before, for whoever may amend the order; prices in the order's currency."""
    if not STAFF_OPERATIONS[Operation.AMEND].allowed_to(user_of(request)):
        raise PermissionDenied
    order = order_in(model_admin.get_queryset(request).select_related("storefront"), order_id)
    text = request.GET.get("q", "").strip()[:_LONGEST]
    currency = order.currency or order.storefront.currency or None
    found = (
        sold_products(text, storefront_id=order.storefront_id, currency=currency, limit=_MOST)
        if len(text) >= _SHORTEST
        else []
    )
    return JsonResponse(
        {
            "products": [
                {
                    "product_id": product.product_id,
                    "name": product.name or "",
                    "unit_amount": written(product.unit_amount, currency),
                }
                for product in found
            ]
        }
    )
