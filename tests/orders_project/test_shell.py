"""`manage.py shell`: what a developer needs is at hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.core.management import call_command
from django.db import connection

from orders.models import Order
from orders.rules.statuses import OrderStatus

ROOT = Path(__file__).resolve().parents[2]


def shell(code: str) -> str:
    """What the code prints in a shell of its own process, which uses the database of the tests."""
    server = connection.get_connection_params()
    address = f"{quote(server.get('user', ''), safe='')}:{quote(server.get('password', ''), safe='')}"
    address += f"@{quote(server.get('host', ''), safe='')}:{server.get('port', '')}"
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://{address}/{quote(server['dbname'], safe='')}",
        "SECRET_KEY": "k" * 50,
    }
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", code]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_an_order_is_confirmed_in_one_line(place_order: Callable[..., dict[str, Any]]) -> None:
    order_id = place_order(cup=1)["id"]

    said = shell(
        f"order = Order.objects.get(pk='{order_id}')\n"
        "document = operations.perform(Operation.CONFIRM, order.pk, Plain(), call=Call(system('shell')))\n"
        "print(document['status'], OrderStatus.CONFIRMED.label)"
    )

    assert said == "confirmed Confirmed\n"
    assert Order.objects.get(pk=order_id).status == OrderStatus.CONFIRMED


def test_all_of_it_can_be_imported_and_nothing_hides_another(capsys: Any) -> None:
    call_command("shell", "--verbosity", "2", command="pass")

    said = capsys.readouterr().out
    assert "could not be automatically imported" not in said
    names = [name for line in said.splitlines() if " import " in line for name in line.split(" import ")[1].split(", ")]
    assert {"settings", "timezone", "operations", "errors", "Cancel", "NewOrder", "HoldKind", "Stock", "Event"} <= set(
        names
    )
    assert sorted(names) == sorted(set(names))
