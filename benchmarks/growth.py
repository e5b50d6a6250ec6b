"""Does anything get slower for ever? Costs among few and among many orders, after three generations came and went.

    .venv/bin/python benchmarks/growth.py                      among 300,000 orders
    .venv/bin/python benchmarks/growth.py --orders 2000000     each takes some 10 kB of disk

It starts an embedded PostgreSQL of its own, and removes it. Pages are those that the database was asked for, in memory
or not; time is that of one caller, Python's included. Ends with 1 when something needs more than 1.2 times the pages.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from service import ROOT, Bench

FEW = 10_000
MOST_GROWTH = 1.2
# A tree of pages is a level deeper among more rows; that alone is no growth that goes on.
A_LEVEL = 12

Costs = dict[str, tuple[float, float]]


def measured(bench: Bench, key: str, orders: int) -> Costs:
    command = [sys.executable, str(ROOT / "benchmarks" / "turnover.py"), key, str(orders)]
    told = subprocess.run(command, env=bench.env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    costs: Costs = json.loads(told.splitlines()[-1])
    return costs


def report(few: Costs, many: Costs, orders: int) -> list[str]:
    """Prints the table; returns what grows."""
    grows = []
    print(f"\n| p50 of 5 | pages, {FEW:,} | pages, {orders:,} | ratio | ms, {FEW:,} | ms, {orders:,} |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (pages, milliseconds) in few.items():
        more_pages, more_milliseconds = many[name]
        ratio = more_pages / max(pages, 1)
        if ratio > MOST_GROWTH and more_pages - pages > A_LEVEL:
            grows.append(name)
        print(
            f"| {name} | {pages:,.0f} | {more_pages:,.0f} | {'**' if name in grows else ''}{ratio:.2f}"
            f"{'**' if name in grows else ''} | {milliseconds:,.1f} | {more_milliseconds:,.1f} |"
        )
    return grows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=300_000, help="how many are many (default: %(default)s)")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="orders-growth-", dir="/var/tmp"))
    home.chmod(0o755)
    bench = Bench(home)
    try:
        key = bench.prepare()["key"]
        few = measured(bench, key, FEW)
        many = measured(bench, key, options.orders)
    finally:
        bench.close()
        shutil.rmtree(home, ignore_errors=True)
    grows = report(few, many, options.orders)
    print("\nNothing grows." if not grows else f"\nThis grows: {', '.join(grows)}.")
    return 1 if grows else 0


if __name__ == "__main__":
    sys.exit(main())
