"""The server under test with a database of its own, and the requests it is loaded with."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from cpu import cpu_seconds
from load import Measured, run

ROOT = Path(__file__).resolve().parent.parent
PRODUCTS = 900
WORKERS = 2


class Bench:
    """The server under test, its database, and the facts to talk to them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {
            **{k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "INVENTORY_URL")},
            "EMBEDDED_PG_HOME": str(home / "pg"),
            "DJANGO_SETTINGS_MODULE": "orders_project.settings",
            "DEBUG": "0",
            "HTTPS": "0",
            "SECRET_KEY": "benchmark-" * 6,
            "STATIC_ROOT": str(home / "static"),
            "PYTHONPATH": str(ROOT),
            # One key asks for all that there is.
            **{f"{what}_PER_SECOND": "0" for what in ("READS", "WRITES", "ANONYMOUS_REQUESTS")},
        }
        self.server: subprocess.Popen[bytes] | None = None

    def prepare(self) -> dict[str, str]:
        """The database, with a storefront, its key and stock; a server is not started yet."""
        (self.home / "static").mkdir()
        self.facts = json.loads(self.python(_PREPARE))
        return self.facts

    def start(self) -> None:
        self.prepare()
        self.serve()

    def beside(self, **variables: str) -> "Bench":
        """Another server on the same database, with these environment variables."""
        other = Bench(self.home)
        other.env = self.env | variables
        other.facts = dict(self.facts)
        other.serve()
        return other

    def serve(self) -> None:
        self.address = ("127.0.0.1", free_port())
        self.server = subprocess.Popen(
            [
                *(sys.executable, str(ROOT / "manage.py"), "serve"),
                *("--host", self.address[0], "--port", str(self.address[1]), "--workers", str(WORKERS)),
            ],
            env=self.env,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=(self.home / "server.log").open("wb"),
        )
        self._await_server()

    def python(self, code: str, *arguments: object) -> str:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, env=self.env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout

    def _await_server(self) -> None:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.address[1]}/healthz", timeout=1).read()
            except OSError:
                if self.server.poll() is not None:
                    raise SystemExit((self.home / "server.log").read_text()[-2000:]) from None
                time.sleep(0.1)
            else:
                return
        raise SystemExit("The server did not answer within two minutes.")

    def stop(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(120)

    def close(self) -> None:
        self.stop()
        self.python("from django.conf import settings; settings.EMBEDDED_PG.stop()")

    def warm_up(self) -> None:
        """Some thousand orders, then statistics: a plan made for an empty table is a bad one."""
        run(self.address, self.placements(), connections=8, seconds=4)
        self.python(_ANALYZE)
        self.facts["ids"] = json.loads(self.python(_RECENT_IDS))

    def fill(self, orders: int) -> None:
        self.python(_FILL, orders)
        self.facts["ids"] = json.loads(self.python(_SOME_IDS))

    def watched(self, lives: list[list[tuple[str, dict[str, object]]]], orders: int) -> dict[str, list[float]]:
        """Of each operation in one process: its statements, CPU ms of process and database, ms of the row's lock."""
        self.python(_WATCH, json.dumps([self.facts, lives, new_order(), -4]))
        self.python(_ANALYZE)
        asked = json.dumps([self.facts, lives, new_order(), orders])
        told: dict[str, list[float]] = json.loads(self.python(_WATCH, asked))
        return told

    def audit(self) -> str:
        return self.python(_AUDIT).strip()

    # --- cases -----------------------------------------------------------------------------------

    def request(self, method: str, path: str, body: bytes = b"", *, key: str = "key", later: bool = False) -> bytes:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {self.facts[key]}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"{'Prefer: respond-async' if later else 'Accept: */*'}\r\n\r\n"
        )
        return head.encode() + body

    def placements(self, *, hot: bool = False, later: bool = False) -> list[bytes]:
        bodies = [json.dumps(new_order(hot)).encode() for _ in range(4000)]
        return [self.request("POST", "/api/v1/orders", body, later=later) for body in bodies]

    def batches(self, *, later: bool = False) -> list[bytes]:
        bodies = [json.dumps({"orders": [new_order() for _ in range(100)]}).encode() for _ in range(40)]
        return [self.request("POST", "/api/v1/orders/batch", body, later=later) for body in bodies]

    def place_batch(self, orders: int) -> list[str]:
        """Ids of new orders."""
        ids: list[str] = []
        while len(ids) < orders:
            body = json.dumps({"orders": [new_order() for _ in range(min(200, orders - len(ids)))]}).encode()
            headers = {"X-API-Key": self.facts["key"], "Content-Type": "application/json"}
            address = f"http://127.0.0.1:{self.address[1]}/api/v1/orders/batch"
            with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=60) as answer:
                ids += [result["order"]["id"] for result in json.load(answer)["results"]]
        return ids

    def reads(self) -> list[bytes]:
        return [self.request("GET", f"/api/v1/orders/{order_id}") for order_id in self.facts["ids"]]

    def lists(self) -> list[bytes]:
        return [self.request("GET", "/api/v1/orders?limit=50")] * 32

    def loaded(self, requests: Sequence[bytes], connections: int, seconds: float) -> tuple[Measured, float, float]:
        """The measurement, and the CPU seconds of server and database during it."""
        before = cpu_seconds(self.server.pid), cpu_seconds(self.facts["postmaster"])
        measured = run(self.address, requests, connections=connections, seconds=seconds)
        after = cpu_seconds(self.server.pid), cpu_seconds(self.facts["postmaster"])
        bad = {status: count for status, count in measured.statuses.items() if not 200 <= status < 300}
        if bad:
            raise SystemExit(f"Bad answers: {bad}")
        return measured, after[0] - before[0], after[1] - before[1]

    def limit(self, clients: int, seconds: float) -> tuple[float, float, float]:
        """Orders a second, mean milliseconds and database CPU seconds of pgbench."""
        before = cpu_seconds(self.facts["postmaster"])
        command = [
            str(Path(self.facts["bin"]) / "pgbench"),
            *("-h", self.facts["host"], "-U", "orders", "-n", "-M", "prepared"),
            *("-c", str(clients), "-j", "1", "-T", str(round(seconds)), "-f", str(ROOT / "benchmarks/limit.sql")),
            "orders",
        ]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        after = cpu_seconds(self.facts["postmaster"])
        per_second = float(re.search(r"tps = ([\d.]+)", told)[1])
        return per_second, float(re.search(r"latency average = ([\d.]+)", told)[1]), after - before


_PREPARE = f"""
import json, django; django.setup()
from django.conf import settings
from django.core.management import call_command
call_command("migrate", verbosity=0)
from inventory_client.stock import set_stock_levels
from orders.api.keys import make_key
from orders.models import Storefront
from orders.rules.scopes import Scope
storefront, _ = Storefront.objects.get_or_create(id=1, code="au", name="Australia", number_prefix="AU", currency="AUD")
storefront.refund_approval_above = 0
storefront.save()
_, key = make_key(storefront, name="benchmark", scopes=Scope.values)
_, other_key = make_key(storefront, name="approves", scopes=Scope.values, made_by="staff:eve")
set_stock_levels({{f"p{{number:03}}": 10**9 for number in range(1, {PRODUCTS} + 1)}})
from orders_project.embedded_pg.programs import find_programs
pg = settings.EMBEDDED_PG
postmaster = int((pg.data / "postmaster.pid").read_text().split()[0])
facts = {{"key": key, "other_key": other_key, "host": str(pg.host), "bin": str(find_programs()),
         "postmaster": postmaster, "ids": []}}
print(json.dumps(facts))
"""

# Each order lives through its life; the first are not counted, the next one is, the others are timed.
_WATCH = """
import json, logging, sys, time, django; django.setup()
from collections import defaultdict
from pathlib import Path
from statistics import median
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
logging.disable(logging.CRITICAL)
facts, lives, new_order, orders = json.loads(sys.argv[1])
client = Client(HTTP_HOST="localhost")
connection.ensure_connection()
backend = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")

def cpu():
    return time.thread_time() * 1000, int(backend.read_text().split()[0]) / 1_000_000

held, locked_at = [], []

def note_lock(execute, sql, *rest):
    answer = execute(sql, *rest)
    if str(sql).lower().replace('"', "").rstrip().endswith("for update of orders_order"):
        locked_at.append(time.perf_counter())
    return answer

commit = connection._commit
def note_commit():
    commit()
    if locked_at:
        held.append((time.perf_counter() - locked_at[0]) * 1000)
        locked_at.clear()
connection._commit = note_commit

def ask(name, arguments, order_id):
    path = f"/api/v1/orders/{order_id}" if order_id else "/api/v1/orders"
    body = json.dumps(arguments).replace("{id}", str(order_id))
    key = facts["other_key" if name == "approve_refund" else "key"]
    method = {"delete": "DELETE", "change_details": "PATCH"}.get(name, "POST")
    path = f"{path}/{name}" if method == "POST" and order_id else path
    answer = client.generic(method, path, body, content_type="application/json", headers={"X-API-Key": key})
    assert answer.status_code < 300, answer.content
    return answer

measured, statements, first = defaultdict(list), {}, {}
for life in lives:
    for number in range(orders + 6):
        order_id = None
        for name, arguments in [("place", new_order), *life]:
            if number == 5:
                with CaptureQueriesContext(connection) as captured:
                    answer = ask(name, arguments, order_id)
                statements.setdefault(name, len(captured))
            else:
                held.clear()
                locked_at.clear()
                before = cpu()
                with connection.execute_wrapper(note_lock):
                    answer = ask(name, arguments, order_id)
                after = cpu()
                if number > 5 and (name == "place" or first.setdefault(name, life) is life):
                    measured[name].append((after[0] - before[0], after[1] - before[1], sum(held)))
            order_id = order_id or answer.json()["id"]
told = {name: [statements[name], *(median(part) for part in zip(*each))] for name, each in measured.items()}
print(json.dumps(told))
"""

_ANALYZE = """
import django; django.setup()
from django.db import connection
connection.cursor().execute("analyze")
"""

_RECENT_IDS = """
import json, django; django.setup()
from orders.models import Order
print(json.dumps([str(pk) for pk in Order.objects.order_by("-pk").values_list("pk", flat=True)[:1000]]))
"""

_SOME_IDS = """
import json, django; django.setup()
from orders.models import Order
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("select id from orders_order tablesample bernoulli (%s) limit 1000",
                   [min(100, 150_000 / max(1, Order.objects.count()))])
    print(json.dumps([str(pk) for pk, in cursor.fetchall()]))
"""

_FILL = f"""
import sys, django; django.setup()
from pathlib import Path
from django.db import connection
statement = Path({str(ROOT / "benchmarks/fill.sql")!r}).read_text()
with connection.cursor() as cursor:
    cursor.execute("set statement_timeout = 0")
    cursor.execute("set synchronous_commit = off")
    cursor.execute("select count(*) from orders_order")
    missing = int(sys.argv[1]) - cursor.fetchone()[0]
    while missing > 0:
        step = min(100_000, missing)
        cursor.execute(statement, [step])
        missing -= step
    cursor.execute("vacuum analyze orders_order")
    cursor.execute("vacuum analyze orders_orderitem")
    cursor.execute("checkpoint")
"""

_AUDIT = """
import django; django.setup()
from django.db import connection
from events.models import Event
from orders.models import Order
with connection.cursor() as cursor:
    cursor.execute("select (select sum(reserved) from inventory_stock), (select sum(quantity) from orders_orderitem)")
    reserved, ordered = cursor.fetchone()
print(f"{Order.objects.count():,} orders, {Event.objects.count():,} events, {reserved:,} units reserved, "
      f"{ordered:,} ordered: " + ("all agree" if reserved == ordered and Order.objects.count() == Event.objects.count()
      else "THEY DIFFER"))
"""


def new_order(hot: bool = False) -> dict[str, object]:
    picked = [random.randint(1, 300), random.randint(301, 600), random.randint(601, 900)]
    if hot:
        picked[0] = 1
    items = [{"product_id": f"p{number:03}", "quantity": 1, "unit_amount": 1299} for number in picked]
    return {"customer_id": f"cus{random.randint(1, 999_999):06}", "currency": "AUD", "items": items}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
