import functools
import http.client
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

from orders_project.secret_key import ensure_secret_key_file
from orders_project.supervisor import ProgramFailed, StopAsked, Supervisor
from orders_project.web_server import add_address, require_fit, web_server_command
from remote_calls.free_address import require_free

# Where a server that listens on every address is asked whether it answers.
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class Command(BaseCommand):
    help = (
        "Runs the whole service in the foreground: brings the database up to date, fills in a demo, and "
        "starts the web server, the event relay, the sweeper, what places requested orders and, with EVENT_SOURCES, "
        "the consumer. Ctrl-C stops everything; the data stays."
    )
    requires_system_checks: list[str] = []  # the programs it starts check for themselves

    def add_arguments(self, parser: CommandParser) -> None:
        add_address(parser)
        parser.add_argument(
            "--no-demo", action="store_false", dest="demo", help="no demo storefronts, stock and staff logins"
        )
        parser.add_argument(
            "--reload",
            action="store_true",
            help=(
                "for development: whenever a file of the apps or the templates changes, bring the database up to "
                "date and start the web server and the others again. What cannot be loaded is shown, and "
                "the old code goes on until the next change. PostgreSQL and this command itself keep running."
            ),
        )

    def handle(self, *, host: str, port: int, workers: int, demo: bool, reload: bool, **options: Any) -> None:
        require_fit(host)
        require_free(host, port)
        changes = _source_changes() if reload else None
        base_url = f"http://{'localhost' if host in ('127.0.0.1', *_EVERY_ADDRESS) else host}:{port}"
        with (
            TemporaryDirectory(prefix="orders-metrics-") as metrics,
            Supervisor(
                settings.BASE_DIR, environment=environment_of_programs(metrics, demo=demo), say=self._say
            ) as supervisor,
        ):
            try:
                self._prepare(supervisor, base_url=base_url, demo=demo)
                greeting = functools.partial(welcome, base_url, demo=demo)
                self._serve(supervisor, host, port, workers=workers, greeting=greeting, changes=changes)
            except StopAsked:
                self._say("Stopping.")
            except ProgramFailed as error:
                raise CommandError(str(error)) from error

    def _prepare(self, supervisor: Supervisor, *, base_url: str, demo: bool) -> None:
        static_files = supervisor.start(_manage("collectstatic", "--no-input", "--verbosity", "0"))
        supervisor.finish("migrate", supervisor.start(_manage("migrate", "--verbosity", "0")))
        if demo:
            supervisor.finish("seed_demo", supervisor.start(_manage("seed_demo", "--base-url", base_url)))
        supervisor.finish("collectstatic", static_files)

    def _serve(
        self,
        supervisor: Supervisor,
        host: str,
        port: int,
        *,
        workers: int,
        greeting: Callable[[], str],
        changes: Iterator[set[Path]] | None,
    ) -> None:
        once_answering: Callable[[], str] | None = greeting
        changed: set[Path] = set()

        def look_around() -> None:
            nonlocal once_answering
            if changes and (new := next(changes)):
                changed.update(new)
                if self._reload(supervisor, changed):
                    changed.clear()
                    once_answering = once_answering or (lambda: "The new code answers.")
            if once_answering and _answers(host, port):
                self._say(once_answering())
                once_answering = None

        programs = {
            "web": web_server_command(host, port, workers=workers),
            "relay_events": _manage("relay_events"),
            "sweep": _manage("sweep"),
            "place_requested": _manage("place_requested"),
        }
        if settings.EVENT_SOURCES:
            programs["consume_events"] = _manage("consume_events")
        supervisor.keep_running(programs, each_round=look_around, restarts=changes is not None)

    def _reload(self, supervisor: Supervisor, changed: set[Path]) -> bool:
        """Bring the database, the static files if need be, and all programs to the code as it is now."""
        names = sorted(str(path.relative_to(settings.BASE_DIR)) for path in changed)
        self._say(f"Changed: {', '.join(names[:3])}{f' and {len(names) - 3} more' if names[3:] else ''}.")
        try:
            _require_parsable(changed)
            # This loads all that answers requests, so most of what is wrong otherwise shows before anything stops.
            supervisor.finish("migrate", supervisor.start(_manage("migrate", "--verbosity", "0")))
            if any("static" in path.parts for path in changed):
                static_files = _manage("collectstatic", "--no-input", "--verbosity", "0")
                supervisor.finish("collectstatic", supervisor.start(static_files))
        except ProgramFailed as error:
            self._say(f"{error}\nThe old code goes on until the next change.")
            return False
        supervisor.restart()
        return True

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def environment_of_programs(metrics: str, *, demo: bool) -> dict[str, str]:
    """As in production, but over plain HTTP; all workers count in one directory. What the user has set wins.

    The demo has a customer who may not order, as the first version had.
    """
    ours = {"DEBUG": "0", "HTTPS": "0", "PYTHONUNBUFFERED": "1", "PROMETHEUS_MULTIPROC_DIR": metrics}
    if demo:
        ours["INVALID_CUSTOMERS"] = "zyx-321"
    environment = {**ours, **os.environ}
    if not (environment.get("SECRET_KEY") or environment.get("SECRET_KEY_FILE")):
        try:
            environment["SECRET_KEY_FILE"] = str(ensure_secret_key_file(settings.BASE_DIR))
        except OSError as error:
            raise CommandError(f"No secret key: {error}") from error
    return environment


def _source_changes() -> Iterator[set[Path]]:
    """Watching from now on."""
    try:
        # By name, because what it needs is installed for development only.
        changes: Iterator[set[Path]] = import_string("orders_project.source_changes.source_changes")()
    except ImportError as error:
        raise CommandError(
            f"--reload needs the requirements for development ({error}); script/run adds them."
        ) from error
    next(changes)
    return changes


def _require_parsable(paths: Iterable[Path]) -> None:
    """At once, and in modules that only one of the programs loads."""
    for path in paths:
        if path.suffix == ".py" and path.exists():
            try:
                compile(path.read_bytes(), path, "exec")
            except (SyntaxError, ValueError) as error:
                raise ProgramFailed("".join(traceback.format_exception_only(error)).rstrip()) from error


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(_EVERY_ADDRESS.get(host, host), port, timeout=2)
    try:
        connection.request("GET", "/healthz", headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def welcome(base_url: str, *, demo: bool) -> str:
    """What someone who has just started the service wants to know, with a call to paste."""
    lines = [
        "",
        f"The order service runs at {base_url}",
        "",
        f"  API, to read and to try   {base_url}/api/",
        f"  Back office               {base_url}/admin/",
        f"  Health                    {base_url}/readyz",
    ]
    if demo:
        lines += _demo_lines(base_url)
    lines += ["", "Ctrl-C stops it; the data stays.", ""]
    return "\n".join(lines)


def _demo_lines(base_url: str) -> list[str]:
    demo = json.loads((Path(settings.BASE_DIR) / ".demo.json").read_text())
    api_key = demo["storefronts"][0]["api_key"]
    item = {"product_id": "cup", "quantity": 2, "unit_amount": 1299}
    order = {"customer_id": "cus123", "currency": "AUD", "items": [item], "shipping_amount": 500, "total_amount": 3098}
    return [
        "",
        "Place an order:",
        "",
        f"  curl -i {base_url}/api/v1/orders -H 'X-API-Key: {api_key}' -H 'Content-Type: application/json' \\",
        f"    -d '{json.dumps(order)}'",
        "",
        "API keys:",
        *[f"  {storefront['code']:<12} {storefront['api_key']}" for storefront in demo["storefronts"]],
        "",
        "Staff logins (user, password, group):",
        *[f"  {staff['username']:<12} {staff['password']:<20} {staff['group']}" for staff in demo["staff"]],
    ]
