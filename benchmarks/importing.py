"""Measure importing orders with their history, into a database of its own.

    .venv/bin/python benchmarks/importing.py [FILE]        a file of yours, or 6,000 lives that are made up; a minute

Prints lines a second, with the start of the command and without it, and its memory.
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from service import ROOT, Bench

LIVES = 6_000
MIGRATE = (
    "import django as d; d.setup(); from django.core.management import call_command as c; c('migrate', verbosity=0)"
)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file", nargs="?", type=Path)
    arguments.add_argument("--rounds", type=int, default=3)
    asked = arguments.parse_args()
    rates = []
    for number in range(1, asked.rounds + 1):
        print(f"round {number} of {asked.rounds}", file=sys.stderr)
        home = Path(tempfile.mkdtemp(prefix="orders-bench-", dir="/var/tmp"))
        home.chmod(0o755)  # as somebody else PostgreSQL may have to run
        bench = Bench(home)
        try:
            bench.python(MIGRATE)
            file = asked.file or made_up(home / "orders.ndjson")
            rates.append(measure(bench, file))
        finally:
            bench.close()
            shutil.rmtree(home)
    whole, without_start = (median(rates) for rates in zip(*rates, strict=True))
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{whole:,.0f} lines a second, {without_start:,.0f} without the start; {megabytes:,.0f} MB at most")


def measure(bench: Bench, file: Path) -> tuple[float, float]:
    lines = sum(1 for _ in file.open())
    start = run(bench, os.devnull)
    seconds = run(bench, str(file))
    return lines / seconds, lines / (seconds - start)


def run(bench: Bench, file: str) -> float:
    began = time.perf_counter()
    command = [sys.executable, "manage.py", "import_orders", file, "--format", "ndjson", "--progress", "0"]
    subprocess.run(command, env=bench.env, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def made_up(file: Path) -> Path:
    """Orders as a marketplace has them: nine in ten have arrived; the others are under way, or were canceled."""
    chance = random.Random(2026)
    with file.open("w") as lines:
        for number in range(LIVES):
            lines.write(json.dumps(life(number, chance)) + "\n")
    return file


def life(number: int, chance: random.Random) -> dict[str, object]:
    moments = [BEGAN + timedelta(minutes=number)]
    for hours in (2, 30, 120):
        moments.append(moments[-1] + timedelta(hours=chance.uniform(1, hours)))
    placed, approved, shipped, delivered = (moment.isoformat() for moment in moments)
    items = [
        {
            "product_id": f"p{chance.randrange(900)}",
            "name": "Cup",
            "quantity": 1,
            "unit_amount": chance.randrange(99_999),
        }
        for _ in range(chance.choice([1, 1, 1, 1, 1, 1, 1, 2, 3]))
    ]
    total = sum(item["unit_amount"] for item in items) + 500
    came_to = chance.choice(["canceled", "shipped", *["delivered"] * 18])
    stamps = {"approved_at": approved}
    if came_to != "canceled":
        stamps["shipped_at"] = shipped
    if came_to == "delivered":
        stamps["delivered_at"] = delivered
    return {
        "storefront": f"shop-{number % 5}",
        "external_reference": f"{number:032x}",
        "customer_id": f"{chance.getrandbits(128):032x}",
        "currency": "BRL",
        "placed_at": placed,
        "items": items,
        "shipping_amount": 500,
        "total_amount": total,
        "shipping_address": {"city": "São Paulo", "region": "SP", "postal_code": "01311", "country": "BR"},
        "payments": [{"method": "credit_card", "installments": 3, "amount": total}],
        "history": {"status": came_to, **stamps},
    }


if __name__ == "__main__":
    main()
