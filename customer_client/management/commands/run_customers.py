from django.core.management.base import BaseCommand, CommandParser
from granian import Granian
from granian.constants import Interfaces

from remote_calls.free_address import require_free


class Command(BaseCommand):
    help = (
        "Serve a CustomerService over HTTP (the contract is at /openapi.yaml) that knows everybody but "
        "INVALID_CUSTOMERS. For demonstrations."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8002)

    def handle(self, *args: object, host: str, port: int, **options: object) -> None:
        require_free(host, port)
        self.stdout.write(f"Customers at http://{host}:{port}. Stop with Ctrl-C.")
        Granian(
            "customer_client.server:get_application",
            factory=True,
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            blocking_threads=2,
        ).serve()
