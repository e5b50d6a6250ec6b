"""Every address of the service."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.http import conditional_page, require_safe
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView

from events.views import asyncapi
from events.views import page as events_page
from orders.admin.own_settings import OWN_SETTINGS_PAGE, own_settings_page
from orders.api.schema_document import SchemaDocumentView
from orders.api.urls import urlpatterns as api_urls
from orders_project.health import healthz, readyz
from orders_project.metrics_page import metrics
from orders_project.sign_in.own_password import change_own_password
from orders_project.sign_in.second_factor import CODE_PAGE, OWN_PAGE
from orders_project.sign_in.second_factor_pages import code_page, own_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/api/")),
    *api_urls,
    path(
        "api/", require_safe(conditional_page(SpectacularSwaggerSplitView.as_view(url_name="schema"))), name="swagger"
    ),
    path("api/redoc/", require_safe(conditional_page(SpectacularRedocView.as_view(url_name="schema"))), name="redoc"),
    path("api/schema/", SchemaDocumentView.as_view(), name="schema"),
    # Where they were at first. Before the one below: of two of a name the last one is linked to.
    path("api/event-schemas/", include("events.urls")),
    path("api/events/schemas/", include("events.urls")),
    path("api/events/", events_page, name="events-page"),
    path("api/events/asyncapi.json", asyncapi, name="asyncapi"),
    path("api", RedirectView.as_view(url="/api/")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path(OWN_PAGE[1:], admin.site.admin_view(own_page)),
    path(CODE_PAGE[1:], admin.site.admin_view(code_page)),
    path(OWN_SETTINGS_PAGE[1:], admin.site.admin_view(own_settings_page)),
    path("admin/password_change/", admin.site.admin_view(change_own_password, cacheable=True)),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]

handler400 = "orders_project.error_pages.bad_request"
handler403 = "orders_project.error_pages.permission_denied"
handler404 = "orders_project.error_pages.not_found"
handler500 = "orders_project.error_pages.server_error"
