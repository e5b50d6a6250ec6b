from django.urls import URLPattern, URLResolver, include, path
from rest_framework.routers import SimpleRouter

from orders.api import first_version
from orders.api.actions import ActionsView
from orders.api.bulk import BulkView
from orders.api.customers import EraseView, ExportView
from orders.api.errors import problem_codes
from orders.api.feed import FeedView
from orders.api.operations import POSTED, view_of
from orders.api.orders import OrderViewSet
from orders.api.requested import RequestedView
from orders.api.webhooks import (
    DeliveriesView,
    DeliveryView,
    RedeliverView,
    RotateView,
    TestView,
    WebhooksView,
    WebhookView,
)

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("api/v1/orders", OrderViewSet, basename="order")

# Addresses are tried in this order: what is asked for most comes first, and not as a list within a list, which takes
# twice as long to find it in; those of a single order's operations are one, because they are many.
_operations = [path(name, view_of(name), name=f"order-{name}") for name in POSTED]
_of_order = [path("actions", ActionsView.as_view(), name="order-actions"), *_operations]

_of_webhook = [
    path("", WebhookView.as_view(), name="webhook"),
    path("/rotate", RotateView.as_view(), name="webhook-rotate"),
    path("/test", TestView.as_view(), name="webhook-test"),
    path("/deliveries", DeliveriesView.as_view(), name="webhook-deliveries"),
    path("/deliveries/<str:event_id>", DeliveryView.as_view(), name="webhook-delivery"),
    path("/redeliver", RedeliverView.as_view(), name="webhook-redeliver"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/orders/bulk", BulkView.as_view(), name="order-bulk"),
    path("api/v1/orders/requested", RequestedView.as_view(), name="order-requested"),
    *router.urls,
    path("api/v1/orders/<str:pk>/", include(_of_order)),
    path("api/v1/customers/export", ExportView.as_view(), name="customer-export"),
    path("api/v1/customers/erase", EraseView.as_view(), name="customer-erase"),
    path("api/v1/webhooks", WebhooksView.as_view(), name="webhooks"),
    path("api/v1/webhooks/<str:pk>", include(_of_webhook)),
    path("api/v1/events", FeedView.as_view(), name="events"),
    path("api/problems", problem_codes, name="problems"),
    path("order/create", first_version.CreateOrder.as_view(), name="first-version-create"),
    path("order/update/<str:order_id>", first_version.UpdateOrder.as_view(), name="first-version-update"),
    path("order/delete/<str:order_id>", first_version.DeleteOrder.as_view(), name="first-version-delete"),
    path("order/<str:order_id>", first_version.ReadOrder.as_view(), name="first-version-read"),
]
