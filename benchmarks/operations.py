"""Measure every operation on an order beside placing one, interleaved, in one run.

    .venv/bin/python benchmarks/operations.py                    about ten minutes
    .venv/bin/python benchmarks/operations.py confirm cancel     these alone, and what has to come before them
    .venv/bin/python benchmarks/operations.py --rounds 0         in one process alone, where the machine is busy

CPU is measured over HTTP at a server of its own, eight requests at once; and again, with statements and the time for
which the order's row is locked, in one process, one request after the other. There Django's test client takes its part
of both sides of a ratio, and nothing else that runs on the machine does.
"""

import argparse
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from cpu import cpu_seconds
from load import run_once
from service import Bench

CAPTURE = ("record_payment", {"kind": "capture", "amount": 3897, "psp_reference": "{id}"})
RETURN = ("request_return", {"cause": "other"})
MISTAKE = {"reason": "By mistake"}
# What orders live through, one after the other. An operation is measured where it comes first.
LIVES: list[list[tuple[str, dict[str, Any]]]] = [
    [("extend", {"minutes": 43_200})],
    [("hold", {"kind": "fraud"}), ("release_hold", {})],
    [("delete", {}), ("restore", {})],
    [CAPTURE, ("correct_payment", MISTAKE)],
    [("change_details", {"note": "Leave it at the door"}), ("change_customer", {"customer_id": "cus000000"})],
    [("amend", {"items": [{"product_id": "p900", "quantity": 2, "unit_amount": 1299}]})],
    [("cancel", {}), ("reinstate", MISTAKE)],
    [("confirm", {}), ("ship", {}), ("deliver", {}), ("complete", {}), ("undo_completion", MISTAKE)],
    [("confirm", {}), ("pack", {}), ("track", {"tracking_number": "JD0146"})],
    [("confirm", {}), ("ship", {}), ("undo_shipment", MISTAKE)],
    [("confirm", {}), ("ship", {}), ("deliver", {}), ("undo_delivery", MISTAKE)],
    [("confirm", {}), ("ship", {}), RETURN, ("approve_return", {}), ("receive_return", {})],
    [("confirm", {}), ("ship", {}), RETURN, ("approve_return", {}), ("close_return", {})],
    [("confirm", {}), ("ship", {}), RETURN, ("reject_return", {})],
    [CAPTURE, ("request_refund", {}), ("approve_refund", {}), ("fail_refund", {})],
    [CAPTURE, ("request_refund", {}), ("reject_refund", {})],
]
PLACE, BULK = "place", "bulk confirm of 50"
_BULK_SIZE = 50
# Those for which the bar is 1.8 times the CPU of placing; for all others it is 3.
CHEAP = frozenset({"confirm", "extend", "hold", "delete", "record_payment"})
CONNECTIONS = 8

Cpu = tuple[float, float]  # milliseconds of application and database for one order


def lives_with(wanted: Sequence[str]) -> list[list[tuple[str, dict[str, Any]]]]:
    """Each cut off behind the last operation that is measured in it."""
    seen: set[str] = set()
    lives = []
    for life in LIVES:
        measured = [n for n, (name, _) in enumerate(life) if name not in seen and (not wanted or name in wanted)]
        if measured:
            lives.append(life[: measured[-1] + 1])
            seen.update(name for name, _ in lives[-1])
    return lives


def request_of(bench: Bench, name: str, arguments: dict[str, Any], order_id: str) -> bytes:
    body = json.dumps(arguments).replace("{id}", order_id).encode()
    path = f"/api/v1/orders/{order_id}"
    key = "other_key" if name == "approve_refund" else "key"  # nobody approves what they have asked for
    match name:
        case "delete":
            return bench.request("DELETE", path, key=key)
        case "change_details":
            return bench.request("PATCH", path, body, key=key)
        case _:
            return bench.request("POST", f"{path}/{name}", body, key=key)


def cpu_of(bench: Bench, requests: Sequence[bytes], orders: int) -> Cpu:
    before = cpu_seconds(bench.server.pid), cpu_seconds(bench.facts["postmaster"])
    statuses = run_once(bench.address, requests, connections=min(CONNECTIONS, len(requests)))
    after = cpu_seconds(bench.server.pid), cpu_seconds(bench.facts["postmaster"])
    if bad := {status: count for status, count in statuses.items() if not 200 <= status < 300}:
        raise SystemExit(f"Bad answers: {bad}\n{requests[0].decode()}")
    return (after[0] - before[0]) / orders * 1000, (after[1] - before[1]) / orders * 1000


def one_round(bench: Bench, lives: list[list[tuple[str, dict[str, Any]]]], orders: int) -> dict[str, Cpu]:
    """Placing is measured before and after, too: its mean is what the round is compared with."""
    found: dict[str, Cpu] = {}
    placing = [cpu_of(bench, bench.placements()[:orders], orders)]
    for life in lives:
        ids = bench.place_batch(orders)
        for name, arguments in life:
            used = cpu_of(bench, [request_of(bench, name, arguments, order_id) for order_id in ids], orders)
            found.setdefault(name, used)
        placing.append(cpu_of(bench, bench.placements()[:orders], orders))
    ids = bench.place_batch(orders)
    bulks = [
        bench.request(
            "POST",
            "/api/v1/orders/bulk",
            json.dumps({"operation": "confirm", "ids": ids[start : start + _BULK_SIZE]}).encode(),
        )
        for start in range(0, len(ids), _BULK_SIZE)
    ]
    found[BULK] = cpu_of(bench, bulks, orders)
    found[PLACE] = tuple(sum(part) / len(placing) for part in zip(*placing, strict=True))
    return found


def report(rounds: list[dict[str, Cpu]]) -> None:
    ratios: dict[str, list[float]] = defaultdict(list)
    for figures in rounds:
        for name, used in figures.items():
            ratios[name].append(sum(used) / sum(figures[PLACE]))
    print("\n| over HTTP | CPU ÷ placing | rounds | bar | app + database ms |\n| --- | --- | --- | --- | --- |")
    for name, each in sorted(ratios.items(), key=lambda pair: median(pair[1])):
        app, database = (median([figures[name][part] for figures in rounds]) for part in (0, 1))
        told = " ".join(f"{ratio:.2f}" for ratio in each)
        print(f"| {name} | **{median(each):.2f}** | {told} | {bar_of(name)} | {app:.2f} + {database:.2f} |")


def report_watched(watched: dict[str, list[float]]) -> None:
    _, *of_placing, _ = watched[PLACE]
    print("\n| in one process | CPU ÷ placing | bar | app + database ms | statements | row locked, ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (statements, app, database, locked) in sorted(watched.items(), key=lambda pair: sum(pair[1][1:3])):
        ratio = (app + database) / sum(of_placing)
        print(
            f"| {name} | **{ratio:.2f}** | {bar_of(name)} | {app:.2f} + {database:.2f} | {statements} | {locked:.1f} |"
        )


def bar_of(name: str) -> str:
    return "" if name == PLACE else "≤ 1.8" if name in CHEAP else "≤ 3"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operation", nargs="*", help="measure these alone")
    parser.add_argument("--rounds", type=int, default=5, help="over HTTP; 0: only in one process")
    parser.add_argument("--orders", type=int, default=150, help="of each life in each round")
    options = parser.parse_args()

    home = Path(tempfile.mkdtemp(prefix="orders-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    bench = Bench(home)
    lives = lives_with(options.operation)
    try:
        rounds = []
        if options.rounds:
            bench.start()
            bench.warm_up()
            one_round(bench, lives, 40)
        else:
            bench.prepare()
        for number in range(options.rounds):
            rounds.append(one_round(bench, lives, options.orders))
            print(f"round {number + 1} of {options.rounds}", flush=True)
        if rounds:
            report(rounds)
        report_watched(bench.watched(lives, options.orders))
    finally:
        bench.close()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
