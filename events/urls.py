"""What consumers of events look up; to be included under `/api/events/schemas/`, and where it was before."""

from django.urls import path

from events import views

urlpatterns = [
    path("", views.schemas, name="event-schemas"),
    path("<str:event_type>.json", views.schema, name="event-schema"),
    path("<str:event_type>/<str:version>.json", views.schema, name="event-schema-version"),
]
