"""The reference InventoryService as a process of its own."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
import urllib3
from django.core.management import CommandError, call_command
from django.db import connection

from inventory_client.errors import OutcomeUnknown
from inventory_client.stock import set_stock_levels
from inventory_client.values import Held, HoldRequest
from tests.processes import running

A = UUID("01920000-0000-7000-8000-00000000000a")
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def run_inventory(transactional_db: None) -> Iterator[Callable[..., str]]:
    """Starts the command on a free port and the test database; gives its URL."""
    processes = []

    def run(*options: str) -> str:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        command = [sys.executable, "manage.py", "run_inventory", "--port", str(port), *options]
        environment = {**os.environ, "DATABASE_URL": _database_url(), "DEBUG": "1"}
        processes.append(started.enter_context(running(command, cwd=ROOT, env=environment)))
        url = f"http://127.0.0.1:{port}"
        give_up = time.monotonic() + 30
        while True:
            try:
                assert urllib3.request("GET", f"{url}/healthz", retries=False).data == b"ok"
                return url
            except urllib3.exceptions.HTTPError:
                assert processes[-1].poll() is None
                assert time.monotonic() < give_up
                time.sleep(0.05)

    with ExitStack() as started:
        yield run
        for process in processes:
            process.terminate()
        assert [process.wait(120) for process in processes] == [0] * len(processes)


def _database_url() -> str:
    database = connection.settings_dict
    login = ":".join(quote(part, safe="") for part in (database["USER"], database["PASSWORD"]) if part)
    address = quote(database["HOST"] or "", safe="") + (f":{database['PORT']}" if database["PORT"] else "")
    return f"postgres://{login}@{address}/{database['NAME']}"


@pytest.mark.slow
def test_serves_the_ledger(run_inventory, http_inventory, reserved):
    set_stock_levels({"cup": 5})
    inventory = http_inventory(run_inventory())

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 2})])

    assert isinstance(outcome, Held)
    assert reserved() == {"cup": 2}


@pytest.mark.slow
def test_fails_on_demand(run_inventory, http_inventory, reserved):
    set_stock_levels({"cup": 5})
    url = run_inventory("--faults")
    inventory = http_inventory(url)
    scripted = urllib3.request("POST", f"{url}/faults", json={"faults": [{"kind": "lost_reply"}] * 2})

    (outcome,) = inventory.hold([HoldRequest(A, {"cup": 2})])

    assert scripted.status == 204
    assert isinstance(outcome, OutcomeUnknown)
    assert reserved() == {"cup": 2}


@pytest.mark.parametrize("faults", [False, True])
def test_a_port_that_is_taken_is_a_sentence(faults):
    """Although who has it would let others listen beside it, as servers of several processes do."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(CommandError, match=rf"^Cannot listen on 127\.0\.0\.1 port {port} \("):
            call_command("run_inventory", port=port, faults=faults)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--port=0", "Cannot listen on port 0; a port is a number from 1 to 65535."),
        ("--port=99999", "Cannot listen on port 99999; a port is a number from 1 to 65535."),
        ("--workers=0", "--workers is 0; it must be 1 to 256."),
    ],
)
def test_numbers_that_cannot_be_are_a_sentence(option: str, said: str):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(CommandError) as raised:
        call_command("run_inventory", f"--port={port}", option)

    assert (str(raised.value), raised.value.returncode) == (said, 2)
