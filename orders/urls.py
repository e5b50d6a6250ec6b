from django.urls import URLPattern, URLResolver, include, path
from rest_framework.routers import SimpleRouter

from orders import seed_api
from orders.api_errors import problem_codes
from orders.operation_views import POSTED, ActionsView, BulkView, view_of
from orders.views import OrderViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("orders", OrderViewSet, basename="order")

# Addresses are tried in this order: those of a single order's operations as one, because they are many.
_operations = [path(name, view_of(name), name=f"order-{name}") for name in POSTED]
_of_order = [path("actions", ActionsView.as_view(), name="order-actions"), *_operations]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/orders/bulk", BulkView.as_view(), name="order-bulk"),
    path("api/v1/orders/<str:pk>/", include(_of_order)),
    path("api/v1/", include(router.urls)),
    path("api/problems", problem_codes, name="problems"),
    path("order/create", seed_api.CreateOrder.as_view(), name="seed-create"),
    path("order/update/<str:order_id>", seed_api.UpdateOrder.as_view(), name="seed-update"),
    path("order/delete/<str:order_id>", seed_api.DeleteOrder.as_view(), name="seed-delete"),
    path("order/<str:order_id>", seed_api.ReadOrder.as_view(), name="seed-read"),
]
