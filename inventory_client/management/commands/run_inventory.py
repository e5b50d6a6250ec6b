import ipaddress
import socket

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from granian import Granian
from granian.constants import Interfaces

from inventory_client.faults import FaultyApplication
from inventory_client.server.wsgi import InventoryApplication
from remote_calls.faults import serve_until_stopped
from remote_calls.free_address import require_free

_MOST_WORKERS = 256
# Less than the half minute after which whoever stops a container kills it.
_STOP_SECONDS = 20


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
        _require_token(host)
        require_free(host, port)
        if not 1 <= workers <= _MOST_WORKERS:
            raise CommandError(f"--workers is {workers}; it must be 1 to {_MOST_WORKERS}.", returncode=2)
        if faults:
            serve_until_stopped(
                FaultyApplication(InventoryApplication()),
                host=host,
                port=port,
                announce=lambda url: self.stdout.write(f"Inventory with faults on demand at {url}. Stop with Ctrl-C."),
            )
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
            # A call that hangs keeps nobody from stopping it.
            workers_kill_timeout=_STOP_SECONDS,
        ).serve()


def _require_token(host: str) -> None:
    """Without one every caller is believed, which is for one's own machine only."""
    if settings.INVENTORY_TOKEN:
        return
    try:
        own = all(ipaddress.ip_address(entry[4][0]).is_loopback for entry in socket.getaddrinfo(host or "::", None))
    except OSError:
        own = False
    if not own:
        raise CommandError(
            f"Not started: whoever reaches {host} could take the stock, as no INVENTORY_TOKEN is set. Set it, or "
            "listen on 127.0.0.1."
        )
