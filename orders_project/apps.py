from django.apps import AppConfig


class OrdersProjectConfig(AppConfig):
    name = "orders_project"
    label = "orders_project"
    verbose_name = "Order service"

    def ready(self) -> None:
        from orders_project import checks, idle_connections, text_checks  # noqa: F401 - importing registers checks

        idle_connections.connect()
