"""Everything that follows events under fire, in large: `script/fault_run` runs this.

Writers, relays, brokers and endpoints of its own, on a PostgreSQL of its own and free ports of this machine; all of it
is removed at the end. Brokers that are not installed are left out. Ends with 1 where anything was lost, invented or
overtaken.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import quote

from orders_project.embedded_pg import Cluster
from tests.processes import running

ROOT: Final = Path(__file__).resolve().parents[3]
PARTS: Final = ("fire", "takeover", "black_hole", "backlog")
_CHILD: Final = "import django; django.setup(); from tests.chaos.fault_run.phases import main; main()"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="script/fault_run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000, help="at least so many under fire (%(default)s)")
    parser.add_argument("--minutes", type=float, default=5, help="and at least for so long (%(default)s)")
    parser.add_argument("--backlog", type=int, default=500_000, help="events queued behind the sink (%(default)s)")
    parser.add_argument("--seconds", type=float, default=15, help="of each measurement (%(default)s)")
    parser.add_argument("parts", nargs="*", help=f"which parts; all of them: {' '.join(PARTS)}")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")

    home = Path(tempfile.mkdtemp(prefix="fault-run-", dir="/var/tmp"))
    home.chmod(0o755)
    for name in ("EMBEDDED_PG_HOME", "DATABASE_URL", "INVENTORY_URL"):
        os.environ.pop(name, None)
    cluster = Cluster(home)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    try:
        variables = {
            **os.environ,
            "DATABASE_URL": f"postgres://orders@{quote(cluster.ensure(), safe='')}/orders",
            "DJANGO_SETTINGS_MODULE": "orders_project.settings",
            "DEBUG": "1",
            "LOG_LEVEL": "CRITICAL",
            "EVENT_SINKS": "",
            "WEBHOOK_ALLOW_PRIVATE": "1",
        }
        amounts = [f"--{name}={getattr(given, name)}" for name in ("events", "minutes", "backlog", "seconds")]
        command = [sys.executable, "-c", _CHILD, str(home), *amounts, *(given.parts or PARTS)]
        with running(command, env=variables, cwd=ROOT) as child:
            return child.wait()
    finally:
        cluster.reset()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
