import signal
from contextlib import suppress

from django.core.management.base import BaseCommand, CommandParser
from granian import Granian
from granian.constants import Interfaces

from inventory_client.faults import FaultyApplication, FaultyServer
from inventory_client.server.free_address import require_free
from inventory_client.server.wsgi import InventoryApplication


class Command(BaseCommand):
    help = "Serve the embedded ledger as an InventoryService over HTTP (the contract is at /openapi.yaml)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8001)
        parser.add_argument("--workers", type=int, default=1, help="Processes (default: 1).")
        parser.add_argument(
            "--faults",
            action="store_true",
            help="Fail on demand: POST /faults says how. For demonstrations only.",
        )

    def handle(self, *args: object, host: str, port: int, workers: int, faults: bool, **options: object) -> None:
        require_free(host, port)
        if faults:
            application = FaultyApplication(InventoryApplication())
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C; the other server does so itself
            with suppress(KeyboardInterrupt), FaultyServer(application, host=host, port=port) as server:
                self.stdout.write(f"Inventory with faults on demand at {server.url}. Stop with Ctrl-C.")
                server.wait()
            return
        self.stdout.write(f"Inventory at http://{host}:{port}. Stop with Ctrl-C.")
        Granian(
            "inventory_client.server.wsgi:get_application",
            factory=True,
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=workers,
            # More threads cost processor time in the application and the database alike.
            blocking_threads=2,
        ).serve()
