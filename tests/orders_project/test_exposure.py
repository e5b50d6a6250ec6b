"""What is for one's own machine is not served to others: refused at the start, with what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from orders_project.bound_sockets import bound_addresses, close_stalled_connections
from orders_project.exposure import Exposed, refuse_exposure
from orders_project.web_server import web_server_command

ROOT = Path(__file__).resolve().parents[2]
RANDOM_KEY = "3yV-" + "q8Zr_Wm2" * 8


@pytest.fixture
def fresh(tmp_path: Path) -> dict[str, str]:
    """Nothing is configured, and there is no database."""
    unset = ("DATABASE_URL", "DEBUG", "SECRET_KEY", "METRICS_TOKEN", "HTTPS")
    return {
        **{name: value for name, value in os.environ.items() if name not in unset},
        "EMBEDDED_PG": "0",
        "EMBEDDED_PG_HOME": str(tmp_path / "pg"),
    }


def python(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


def granian(host: str, port: int, *, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The web server without the command that starts it; it ends by itself when it is refused."""
    return python(*web_server_command(host, port, workers=1)[1:], environment=environment)


def test_debug_is_off_unless_it_is_asked_for(fresh):
    said = python("-c", "from orders_project.settings import *; print(DEBUG, HTTPS)", environment=fresh)

    assert said.stdout.split() == ["False", "True"], said.stderr


def test_a_fresh_checkout_has_a_key_of_its_own(fresh):
    keys = {
        python("-c", "from orders_project.settings import *; print(SECRET_KEY)", environment=fresh).stdout
        for _ in range(2)
    }

    (key,) = keys
    assert len(key.strip()) >= 50
    assert key.strip() == (ROOT / ".secret_key").read_text().strip()


def test_a_server_of_ones_own_needs_a_key_that_was_set(fresh):
    fresh["DATABASE_URL"] = "postgres://orders@127.0.0.1:1/orders"

    said = python("manage.py", "check", environment=fresh)

    assert said.returncode == 1
    assert "SECRET_KEY is not set, a database is, and DEBUG is off. Set SECRET_KEY" in said.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_ones_own_machine_everything_goes(settings: Settings, host: str):
    settings.DEBUG = True
    settings.SECRET_KEY = "short"

    refuse_exposure([host])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "no-such-host.invalid"])
def test_debug_is_not_for_others(settings: Settings, host: str):
    settings.DEBUG = True

    with pytest.raises(Exposed, match=r"DEBUG is on, .*, and /metrics is open: set DEBUG=0\."):
        refuse_exposure([host])


@pytest.mark.parametrize("key", ["short", "k" * 50, "django-insecure-" + RANDOM_KEY])
def test_a_key_that_can_be_guessed_is_not_for_others(settings: Settings, key: str):
    settings.DEBUG = False
    settings.SECRET_KEY = key

    with pytest.raises(Exposed, match="SECRET_KEY can be guessed: set it to 50 or more random characters"):
        refuse_exposure(["127.0.0.1", "0.0.0.0"])


def test_production_may_be_reached(settings: Settings):
    settings.DEBUG = False
    settings.SECRET_KEY = RANDOM_KEY

    refuse_exposure(["0.0.0.0", "::"])


def test_what_is_bound_is_seen_and_what_is_connected_is_not():
    before = sorted(bound_addresses())

    with socket.create_server(("127.0.0.1", 0)) as served, socket.create_connection(served.getsockname()):
        during = sorted(bound_addresses())

    assert during == sorted([*before, "127.0.0.1"])


def test_what_is_accepted_is_closed_when_its_client_does_not_read():
    with socket.create_server(("127.0.0.1", 0)) as served:
        close_stalled_connections(seconds=30)

        with socket.create_connection(served.getsockname()), served.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


def test_the_web_command_refuses_before_it_answers_anybody(fresh, free_port):
    said = granian("0.0.0.0", free_port, environment=fresh | {"DEBUG": "1", "SECRET_KEY": "short"})

    assert said.returncode == 1
    assert "Not started: others reach 0.0.0.0. DEBUG is on, which shows settings" in said.stderr
    assert "SECRET_KEY can be guessed" in said.stderr
    assert "Or listen on 127.0.0.1." in said.stderr


def test_run_refuses_before_anything_is_prepared(fresh, free_port, tmp_path):
    del fresh["EMBEDDED_PG"]

    said = python("manage.py", "run", "--host", "0.0.0.0", "--port", str(free_port), environment=fresh | {"DEBUG": "1"})

    assert said.returncode == 1
    assert said.stderr.startswith("CommandError: Not started: others reach 0.0.0.0. DEBUG is on")
    assert not (tmp_path / "pg").exists()


def test_djangos_development_server_refuses_too(fresh, free_port):
    address = f"0.0.0.0:{free_port}"

    said = python("manage.py", "runserver", "--noreload", address, environment=fresh | {"DEBUG": "1"})

    assert said.returncode == 1
    assert said.stderr.startswith("CommandError: Not started: others reach 0.0.0.0. DEBUG is on")


def test_an_inventory_without_a_token_is_not_for_others(fresh, free_port):
    said = python("manage.py", "run_inventory", "--host", "0.0.0.0", "--port", str(free_port), environment=fresh)

    assert said.returncode == 1
    started, refused = said.stderr.splitlines()
    assert '"message":"process started"' in started
    assert refused == (
        "CommandError: Not started: whoever reaches 0.0.0.0 could take the stock, as no INVENTORY_TOKEN is set. "
        "Set it, or listen on 127.0.0.1."
    )
