"""How many orders are taken in with `Prefer: respond-async` while as many clients could place so many at once.

    .venv/bin/python benchmarks/intake.py                about two minutes

In each round, with each number of clients: orders placed at once, orders taken in, and how fast one worker places what
was taken in, while no client asks. It starts an embedded PostgreSQL and a server of its own, and removes both.
"""

import argparse
import json
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from cpu import cpu_seconds
from service import Bench


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each burst in each round")
    parser.add_argument("--clients", type=int, nargs="+", default=[16, 64])
    options = parser.parse_args()

    home = Path(tempfile.mkdtemp(prefix="orders-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    bench = Bench(home)
    try:
        bench.start()
        bench.warm_up()
        rates: dict[str, list[float]] = defaultdict(list)
        cpu: dict[str, list[float]] = defaultdict(list)
        for number in range(options.rounds):
            for clients in options.clients:
                for name, requests, orders_each in (
                    ("placed at once", bench.placements(), 1),
                    ("taken in", bench.placements(later=True), 1),
                    ("taken in by 100", bench.batches(later=True), 100),
                ):
                    measured, app, database = bench.loaded(requests, clients, options.seconds)
                    rates[f"{name}, c={clients}"].append(measured.per_second * orders_each)
                    cpu[f"{name}, c={clients}"].append((app + database) / (measured.good * orders_each) * 1000)
                before = cpu_seconds(bench.facts["postmaster"])
                waiting, seconds, app = json.loads(bench.python(_DRAIN))
                database = cpu_seconds(bench.facts["postmaster"]) - before
                rates[f"placed by a worker after c={clients}"].append(waiting / seconds)
                cpu[f"placed by a worker after c={clients}"].append((app + database) / waiting * 1000)
            print(f"round {number + 1} of {options.rounds}", flush=True)
        report(rates, cpu, options.clients)
        print("\n" + bench.audit())
    finally:
        bench.close()
        shutil.rmtree(home, ignore_errors=True)


def report(rates: dict[str, list[float]], cpu: dict[str, list[float]], levels: list[int]) -> None:
    print("\n| ratio (median of the rounds' own) | measured | rounds | bar |\n| --- | --- | --- | --- |")
    for clients in levels:
        for name in ("taken in", "taken in by 100"):
            pairs = zip(rates[f"{name}, c={clients}"], rates[f"placed at once, c={clients}"], strict=True)
            each = [taken / placed for taken, placed in pairs]
            told = " ".join(f"{ratio:.2f}" for ratio in each)
            print(f"| {name} ÷ placed at once, c={clients} | **{median(each):.2f}** | {told} | ≥ 3 |")
    print("\n| case (medians) | per second | CPU ms |\n| --- | --- | --- |")
    for name, each in rates.items():
        print(f"| {name} | {median(each):,.0f} | {median(cpu[name]):.2f} |")


_DRAIN = """
import json, time, django; django.setup()
from orders.models import RequestedOrder
from orders.operations import place_requested
waiting, started, cpu = RequestedOrder.objects.count(), time.perf_counter(), time.process_time()
while place_requested().taken:
    pass
assert not RequestedOrder.objects.exists()
print(json.dumps([waiting, time.perf_counter() - started, time.process_time() - cpu]))
"""


if __name__ == "__main__":
    main()
