"""Measure the service beside the database's own limit, interleaved, in one run.

    .venv/bin/python benchmarks/run.py                     about four minutes
    .venv/bin/python benchmarks/run.py --orders 10000000   also reads among ten million orders (ten minutes more, 16 GB)

It starts an embedded PostgreSQL and a server of its own, on free ports of this machine, and removes both.
"""

import argparse
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from service import Bench


@dataclass
class Figures:
    """One case in one round. CPU is in milliseconds for one order (or one answer, where nothing is placed)."""

    per_second: float
    p50: float
    p99: float
    app_cpu: float
    database_cpu: float


def measure(bench: Bench, seconds: float) -> dict[str, Callable[[], Figures]]:
    def loaded(requests: Sequence[bytes], connections: int, orders_each: int = 1) -> Callable[[], Figures]:
        def once() -> Figures:
            measured, app, database = bench.loaded(requests, connections, seconds)
            done = measured.good * orders_each
            return Figures(
                measured.per_second * orders_each,
                measured.percentile(0.5),
                measured.percentile(0.99),
                app / done * 1000,
                database / done * 1000,
            )

        return once

    def limit(clients: int) -> Callable[[], Figures]:
        def once() -> Figures:
            per_second, mean, database = bench.limit(clients, seconds)
            return Figures(per_second, mean, float("nan"), 0.0, database / (per_second * round(seconds)) * 1000)

        return once

    return {
        "place one, c=16": loaded(bench.placements(), 16),
        "limit: pgbench, c=16": limit(16),
        "GET one, c=16": loaded(bench.reads(), 16),
        "list of 50, c=16": loaded(bench.lists(), 16),
        "place one, c=4": loaded(bench.placements(), 4),
        "batch of 100, c=4": loaded(bench.batches(), 4, orders_each=100),
        "place one, c=32": loaded(bench.placements(), 32),
        "one hot product, c=32": loaded(bench.placements(hot=True), 32),
    }


# What is compared, how, and the bar and aim of each.
RATIOS: list[tuple[str, str, str, str, str]] = [
    ("place one ÷ limit, orders/s", "place one, c=16", "limit: pgbench, c=16", "per_second", "≥ 0.60 · 0.65"),
    ("place one ÷ limit, CPU", "place one, c=16", "limit: pgbench, c=16", "cpu", "≤ 1.7 · 1.5"),
    ("batch ÷ limit, orders/s", "batch of 100, c=4", "limit: pgbench, c=16", "per_second", "≥ 4 · 5"),
    ("GET one ÷ limit", "GET one, c=16", "limit: pgbench, c=16", "per_second", "≥ 1.6 · 2"),
    ("list of 50 ÷ limit", "list of 50, c=16", "limit: pgbench, c=16", "per_second", "≥ 0.5 · 0.7"),
    ("hot product ÷ random", "one hot product, c=32", "place one, c=32", "per_second", "≥ 0.9 · 1.0"),
]


def value(figures: Figures, what: str) -> float:
    return figures.app_cpu + figures.database_cpu if what == "cpu" else getattr(figures, what)


def report(rounds: dict[str, list[Figures]]) -> None:
    print("\n| ratio (median of the rounds' own) | measured | rounds | bar · aim |\n| --- | --- | --- | --- |")
    for name, over, under, what, bar in RATIOS:
        each = [value(a, what) / value(b, what) for a, b in zip(rounds[over], rounds[under], strict=True)]
        print(f"| {name} | **{median(each):.2f}** | {' '.join(f'{ratio:.2f}' for ratio in each)} | {bar} |")
    print("\n| case (medians) | per second | p50 ms | p99 ms | app CPU ms | database CPU ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, figures in rounds.items():
        columns = [median([getattr(f, field) for f in figures]) for field in Figures.__dataclass_fields__]
        rate, p50, p99, app, database = columns
        print(f"| {name} | {rate:,.0f} | {p50:.1f} | {p99:.1f} | {app:.2f} | {database:.2f} |")


def report_growth(bench: Bench, orders: int, seconds: float) -> None:
    """p50 of one read and of a page with few and with many orders, one connection, rounds after another."""
    p50: dict[tuple[str, int], float] = {}
    for count in (10_000, orders):
        bench.fill(count)
        for name, requests in (("GET one", bench.reads()), ("list of 50", bench.lists())):
            runs = [bench.loaded(requests, 1, seconds)[0].percentile(0.5) for _ in range(6)]
            p50[name, count] = median(runs[1:])  # the first warms caches
    print(f"\n| read, c=1, p50 ms | 10,000 orders | {orders:,} orders | ratio | bar · aim |\n|---|---|---|---|---|")
    for name in ("GET one", "list of 50"):
        few, many = p50[name, 10_000], p50[name, orders]
        print(f"| {name} | {few:.2f} | {many:.2f} | **{many / few:.2f}** | ≤ 1.2 · 1.05 |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each case in each round")
    parser.add_argument("--orders", type=int, help="read among this many orders, too")
    options = parser.parse_args()

    home = Path(tempfile.mkdtemp(prefix="orders-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    bench = Bench(home)
    try:
        bench.start()
        if options.orders:
            report_growth(bench, options.orders, options.seconds)
            return
        bench.warm_up()
        cases = measure(bench, options.seconds)
        rounds: dict[str, list[Figures]] = defaultdict(list)
        for number in range(options.rounds):
            for name, once in cases.items():
                rounds[name].append(once())
            print(f"round {number + 1} of {options.rounds}", flush=True)
        report(rounds)
        print("\n" + bench.audit())
    finally:
        bench.close()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
