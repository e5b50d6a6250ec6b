from django.core.management.base import BaseCommand, CommandParser
from granian import Granian
from granian.constants import Interfaces

from customer_client.server import application
from remote_calls.faults import FaultyApplication, serve_until_stopped
from remote_calls.free_address import require_free


class Command(BaseCommand):
    help = (
        "Serve a CustomerService over HTTP (the contract is at /openapi.yaml) that knows everybody but "
        "INVALID_CUSTOMERS. For demonstrations."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8002)
        parser.add_argument("--faults", action="store_true", help="Fail on demand: POST /faults says how.")

    def handle(self, *args: object, host: str, port: int, faults: bool, **options: object) -> None:
        require_free(host, port)
        if faults:
            serve_until_stopped(
                FaultyApplication(application, below="/customers"),
                host=host,
                port=port,
                announce=lambda url: self.stdout.write(f"Customers with faults on demand at {url}. Stop with Ctrl-C."),
            )
            return
        self.stdout.write(f"Customers at http://{host}:{port}. Stop with Ctrl-C.")
        Granian(
            "customer_client.server:get_application",
            factory=True,
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            blocking_threads=2,
            workers_kill_timeout=20,
        ).serve()
