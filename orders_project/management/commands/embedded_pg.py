import argparse
import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders_project.embedded_pg import Cluster, EmbeddedPgError
from orders_project.embedded_pg.cluster import NAME
from orders_project.embedded_pg.programs import find_programs


class Command(BaseCommand):
    help = (
        "Controls the embedded PostgreSQL. `start` and `stop` it, ask its `status`, open a `psql` prompt "
        "(further arguments go to psql), or `reset` it, which removes it with all its data."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["start", "stop", "status", "psql", "reset"])
        parser.add_argument("psql_arguments", nargs=argparse.REMAINDER)

    def handle(self, *, action: str, psql_arguments: list[str], **options: Any) -> None:
        cluster: Cluster | None = settings.EMBEDDED_PG
        if cluster is None:
            raise CommandError("DATABASE_URL is set (or EMBEDDED_PG=0), so the embedded PostgreSQL is not in use.")
        try:
            if action == "psql":
                _become_psql(cluster, psql_arguments)
            self.stdout.write(_act(cluster, action))
        except EmbeddedPgError as error:
            raise CommandError(str(error)) from error


def _act(cluster: Cluster, action: str) -> str:
    if action == "start":
        return f"Running: host={cluster.ensure()} data={cluster.data}"
    if action == "stop":
        return "Stopped." if cluster.stop() else "It was not running."
    if action == "reset":
        cluster.reset()
        return f"Removed {cluster.data}."
    if cluster.ready():
        return f"Running: host={cluster.host} data={cluster.data}"
    return f"Not running: data={cluster.data}"


def _become_psql(cluster: Cluster, arguments: list[str]) -> None:
    psql = str(find_programs() / "psql")
    command = [psql, "-h", cluster.ensure(), "-U", NAME, "-d", NAME, *arguments]
    expected = {"PGREQUIREPEER": cluster.owner} if cluster.owner else {}
    os.execve(psql, command, {**os.environ, **expected})  # noqa: S606
