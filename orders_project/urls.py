"""Every address of the service."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.http import conditional_page, require_safe
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView

from events.views import asyncapi
from events.views import page as events_page
from orders.api.schema_document import SchemaDocumentView
from orders_project.health import healthz, readyz
from orders_project.metrics_page import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/api/")),
    path("", include("orders.api.urls")),
    path(
        "api/", require_safe(conditional_page(SpectacularSwaggerSplitView.as_view(url_name="schema"))), name="swagger"
    ),
    path("api/redoc/", require_safe(conditional_page(SpectacularRedocView.as_view(url_name="schema"))), name="redoc"),
    path("api/schema/", SchemaDocumentView.as_view(), name="schema"),
    path("api/event-schemas/", include("events.urls")),
    path("api/events/", events_page, name="events-page"),
    path("api/events/asyncapi.json", asyncapi, name="asyncapi"),
    path("api", RedirectView.as_view(url="/api/")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]

handler400 = "orders_project.error_pages.bad_request"
handler403 = "orders_project.error_pages.permission_denied"
handler404 = "orders_project.error_pages.not_found"
handler500 = "orders_project.error_pages.server_error"
