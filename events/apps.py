from django.apps import AppConfig
from django.core.checks import register

from events.checks import check_sinks, check_sources


class EventsConfig(AppConfig):
    name = "events"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        register(check_sinks)
        register(check_sources)
