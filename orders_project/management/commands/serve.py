import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from orders_project.web_server import add_address, require_fit, web_server_command
from remote_calls.free_address import require_free


class Command(BaseCommand):
    help = (
        "Runs the web server alone, as `run` does: for containers and service managers, which run relay, sweeper, "
        "placer and consumer apart. The database and the static files are expected to be there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_address(parser)

    def handle(self, *, host: str, port: int, workers: int, **options: Any) -> None:
        require_fit(host)
        require_free(host, port)
        command = web_server_command(host, port, workers=workers)
        os.execv(command[0], command)  # noqa: S606 - our own program and arguments
