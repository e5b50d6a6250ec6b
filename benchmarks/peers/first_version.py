"""Measure placing and reading beside the first version of this service, interleaved, in one run.

    .venv/bin/python benchmarks/peers/first_version.py CHECKOUT

CHECKOUT is the first version's repository, installed and built; the README beside this file says how. Both get two
processes and the same PostgreSQL server, which this program starts and removes. An order has three items, everywhere.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the benchmarks are programs, not a package

from cpu import cpu_seconds
from load import run
from service import Bench, free_port, new_order

KEY = "benchmark"
# It has none on the items of an order: each read not cached would read all items there are.
MISSING_INDEX = "create index on order_item (order_id)"


class Figures(NamedTuple):
    """One case in one round; CPU of server and database in milliseconds for one order or answer."""

    per_second: float
    p50: float
    p99: float
    app_cpu: float
    database_cpu: float
    answers: int

    @property
    def cpu(self) -> float:
        return self.app_cpu + self.database_cpu


class FirstVersion:
    """Two processes of the first version on a database of their own in the benchmark's server."""

    def __init__(self, checkout: Path, bench: Bench) -> None:
        self.bench = bench
        self._psql("create database first_version", database="orders")
        for migration in sorted((checkout / "src/drizzle/migrations").glob("*.sql")):
            self._psql(migration.read_text())
        self._psql(MISSING_INDEX)
        self.address = ("127.0.0.1", free_port())
        self.server = subprocess.Popen(
            ["node", str(Path(__file__).with_name("two_processes.cjs")), str(checkout / "dist/src/main.js")],
            env={
                **os.environ,
                "DATABASE_URL": f"socket://orders@{bench.facts['host']}?db=first_version",
                "API_KEY": KEY,
                "PORT": str(self.address[1]),
            },
            cwd=checkout,
            stdout=subprocess.DEVNULL,  # it tells of every order
            stderr=(bench.home / "first_version.log").open("wb"),
        )
        self._await()

    def close(self) -> None:
        self.server.terminate()
        self.server.wait(20)

    def orders(self) -> int:
        return int(self._psql("select count(*) from orders"))

    def placements(self) -> list[bytes]:
        return [self._request("POST", "/order/create", _as_first_version(new_order())) for _ in range(4000)]

    def reads(self) -> list[bytes]:
        """Hardly one is asked twice: it caches by the whole address for five seconds, whatever changes meanwhile."""
        ids = self._psql("select order_id from orders order by random() limit 1000").split()
        return [self._request("GET", f"/order/{ids[n % len(ids)]}?n={n}") for n in range(100_000)]

    def _request(self, method: str, path: str, body: bytes = b"") -> bytes:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _psql(self, statements: str, database: str = "first_version") -> str:
        facts = self.bench.facts
        command = [
            f"{facts['bin']}/psql",
            "-h",
            facts["host"],
            "-U",
            "orders",
            "-qAtX",
            "-v",
            "ON_ERROR_STOP=1",
            database,
        ]
        return subprocess.run(command, input=statements, check=True, capture_output=True, text=True).stdout

    def _await(self) -> None:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.address[1]}/api", timeout=1).read()
            except OSError:
                if self.server.poll() is not None:
                    raise SystemExit((self.bench.home / "first_version.log").read_text()[-2000:]) from None
                time.sleep(0.1)
            else:
                return
        raise SystemExit("The first version did not answer within 20 s.")


def _as_first_version(order: dict[str, object]) -> bytes:
    items = [{"productId": item["product_id"], "quantity": item["quantity"]} for item in order["items"]]
    return json.dumps({"customerId": order["customer_id"], "items": items}).encode()


def measure(bench: Bench, first: FirstVersion, seconds: float) -> dict[str, Callable[[], Figures]]:
    def loaded(side: Bench | FirstVersion, requests: Sequence[bytes], connections: int, orders_each: int = 1):
        def once() -> Figures:
            before = cpu_seconds(side.server.pid), cpu_seconds(bench.facts["postmaster"])
            measured = run(side.address, requests, connections=connections, seconds=seconds)
            after = cpu_seconds(side.server.pid), cpu_seconds(bench.facts["postmaster"])
            if measured.good != sum(measured.statuses.values()):
                raise SystemExit(f"Bad answers: {measured.statuses}")
            done = measured.good * orders_each
            return Figures(
                measured.per_second * orders_each,
                measured.percentile(0.5),
                measured.percentile(0.99),
                (after[0] - before[0]) / done * 1000,
                (after[1] - before[1]) / done * 1000,
                measured.good,
            )

        return once

    ours, theirs = bench.placements(), first.placements()
    cases: dict[str, Callable[[], Figures]] = {}
    for connections in (1, 16, 64):
        cases[f"place, c={connections}"] = loaded(bench, ours, connections)
        cases[f"first version: create, c={connections}"] = loaded(first, theirs, connections)
    cases["GET one, c=16"] = loaded(bench, bench.reads(), 16)
    cases["first version: GET one, c=16"] = loaded(first, first.reads(), 16)
    cases["batch of 100, c=4"] = loaded(bench, bench.batches(), 4, orders_each=100)
    return cases


# What is compared with what, and the bars for orders/s (or answers/s) and CPU.
RATIOS = [
    ("place ÷ create, c=64", "place, c=64", "first version: create, c=64", "≥ 1.25 · ≤ 0.80"),
    ("place ÷ create, c=16", "place, c=16", "first version: create, c=16", "≥ 1.05 · ≤ 0.95"),
    ("place ÷ create, c=1", "place, c=1", "first version: create, c=1", ""),
    ("batch of 100, c=4 ÷ create, c=16", "batch of 100, c=4", "first version: create, c=16", "≥ 6.5 · ≤ 0.17"),
    ("GET one ÷ GET one, not cached", "GET one, c=16", "first version: GET one, c=16", "≥ 1.5 · ≤ 0.65"),
]


def report(rounds: dict[str, list[Figures]]) -> None:
    print("\n| ratio (median of the rounds' own) | rate | rounds | CPU | rounds | bars |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, over, under, bars in RATIOS:
        pairs = list(zip(rounds[over], rounds[under], strict=True))
        columns = []
        for each in ([a.per_second / b.per_second for a, b in pairs], [a.cpu / b.cpu for a, b in pairs]):
            columns += [f"**{median(each):.2f}**", " ".join(f"{ratio:.2f}" for ratio in each)]
        print(f"| {name} | {' | '.join(columns)} | {bars} |")
    print("\n| case (medians) | per second | p50 ms | p99 ms | app CPU ms | database CPU ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, figures in rounds.items():
        rate, p50, p99, app, database, _ = (median(column) for column in zip(*figures, strict=True))
        print(f"| {name} | {rate:,.0f} | {p50:.1f} | {p99:.1f} | {app:.2f} | {database:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each case in each round")
    options = parser.parse_args()
    if not (options.checkout / "dist/src/main.js").is_file():
        parser.error(f"{options.checkout} holds no dist/src/main.js: install and build it first")

    home = Path(tempfile.mkdtemp(prefix="orders-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    bench = Bench(home)
    first = None
    try:
        bench.start()
        bench.warm_up()
        first = FirstVersion(options.checkout.resolve(), bench)
        placed = run(first.address, first.placements(), connections=8, seconds=4).good
        cases = measure(bench, first, options.seconds)
        rounds: dict[str, list[Figures]] = defaultdict(list)
        for number in range(options.rounds):
            for name, once in cases.items():
                rounds[name].append(once())
            print(f"round {number + 1} of {options.rounds}", flush=True)
        report(rounds)
        placed += sum(figures.answers for name in rounds if ": create" in name for figures in rounds[name])
        print(f"\nOurs: {bench.audit()}. First version: {placed:,} answers of success, {first.orders():,} orders.")
    finally:
        if first is not None:
            first.close()
        bench.close()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
