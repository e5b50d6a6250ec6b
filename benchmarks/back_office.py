"""What do the pages of the back office cost among very many orders: queries, time, and whether a table is read through?

    .venv/bin/python benchmarks/back_office.py [FILE]                    among 200,000 orders; three minutes
    .venv/bin/python benchmarks/back_office.py --orders 10000000 [FILE]  an hour, 40 GB of disk in /var/tmp

Orders are copies of those in the file, as `import_orders` takes it in; without one, of 6,000 that are made up. It
starts an embedded PostgreSQL of its own, and removes it. Ends with 1 when a search asks more than it may, or a page
reads one of the large tables through.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from importing import MIGRATE, made_up
from service import ROOT, Bench

MOST_QUERIES = 10
SMALL = 1_000


def told(bench: Bench, *arguments: object) -> list[list[object]]:
    command = [sys.executable, str(ROOT / "benchmarks" / "back_office_pages.py"), *map(str, arguments)]
    answer = subprocess.run(command, env=bench.env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    pages: list[list[object]] = json.loads(answer.splitlines()[-1])
    return pages


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "file", nargs="?", type=Path, help="orders to be copied, as `import_orders --format ndjson` reads"
    )
    parser.add_argument("--orders", type=int, default=200_000, help="how many there are to be (default: %(default)s)")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="orders-back-office-", dir="/var/tmp"))
    home.chmod(0o755)  # as somebody else PostgreSQL may have to run
    bench = Bench(home)
    try:
        (home / "static").mkdir()
        bench.python(MIGRATE)
        file = str(options.file or made_up(home / "orders.ndjson"))
        command = [sys.executable, "manage.py", "import_orders", file, "--format", "ndjson", "--progress", "0"]
        subprocess.run(command, env=bench.env, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        pages = told(bench, options.orders)
    finally:
        bench.close()
        shutil.rmtree(home, ignore_errors=True)
    return report(pages)


def report(pages: list[list[object]]) -> int:
    """Prints the table; 1 when a page costs more than it may."""
    wrong = []
    print("| page | queries | ms, p50 of 5 | pages of the database | table read through |")
    print("| --- | --- | --- | --- | --- |")
    for name, queries, milliseconds, touched, through in pages:
        print(f"| {name} | {queries} | {milliseconds:,.1f} | {touched:,} | {', '.join(through)} |")
        if through or (name.startswith("search") and queries > MOST_QUERIES):
            wrong.append(name)
    print("\nAll is as it should be." if not wrong else f"\nToo much: {', '.join(wrong)}.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
