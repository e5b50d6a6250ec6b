from pathlib import Path

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        # Models must be loaded first, hence the imports here.
        from events import schemas, slimming
        from orders import incoming  # noqa: F401 - which says who handles incoming events
        from orders.announcing import payloads, receivers
        from orders.operations import database_time
        from orders.rules import staff_groups

        receivers.connect()
        slimming.register(payloads.with_link_to_order)
        staff_groups.connect()
        database_time.connect()
        for path in sorted((Path(__file__).parent / "announcing" / "schemas").glob("*.json")):
            schemas.register(path.stem, path)
