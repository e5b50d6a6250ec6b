"""The reference CustomerService as a process of its own."""

import os
import socket
import sys
import time
from pathlib import Path

import pytest
import urllib3
from django.core.management import CommandError, call_command

from tests.processes import running

ROOT = Path(__file__).parent.parent.parent


def test_serves_its_list_until_it_is_stopped():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "manage.py", "run_customers", "--port", str(port)]
    environment = {**os.environ, "DEBUG": "1", "EMBEDDED_PG": "0", "INVALID_CUSTOMERS": "nobody, zyx-321"}
    with running(command, cwd=ROOT, env=environment) as server:
        answers = [_ask(server, port, customer_id) for customer_id in ("zyx-321", "nobody", "cus123")]
        server.terminate()
        assert server.wait(60) == 0

    assert answers == [404, 404, 200]


def test_fails_on_demand_and_only_as_a_service_of_customers_can():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "manage.py", "run_customers", "--faults", "--port", str(port)]
    environment = {**os.environ, "DEBUG": "1", "EMBEDDED_PG": "0", "INVALID_CUSTOMERS": "zyx-321"}
    with running(command, cwd=ROOT, env=environment) as server:
        before = _ask(server, port, "cus123")
        scripted, foreign = (
            urllib3.request("POST", f"http://127.0.0.1:{port}/faults", json={"faults": [{"kind": kind}]})
            for kind in ("effect_then_500", "shortage")
        )
        answers = [_ask(server, port, "cus123") for _ in range(2)]
        server.terminate()
        assert server.wait(60) == 0

    assert (before, answers) == (200, [500, 200])
    assert (scripted.status, foreign.status) == (204, 400)
    assert foreign.json()["detail"] == "shortage is a refusal of another service than this one."


def _ask(server, port, customer_id):
    give_up = time.monotonic() + 60
    while True:
        try:
            url = f"http://127.0.0.1:{port}/customers/{customer_id}?storefront=au"
            return urllib3.request("GET", url, retries=False).status
        except urllib3.exceptions.HTTPError:
            assert server.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.05)


def test_a_busy_port_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CommandError, match=f"Cannot listen on 127.0.0.1 port {port} "):
            call_command("run_customers", port=port)
