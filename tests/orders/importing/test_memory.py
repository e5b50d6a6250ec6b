import json
import subprocess
import sys
from typing import Any

import pytest

from tests.orders.importing.lines import line

# Feeds a stream of generated lines to the command, and tells the most memory it ever had (KiB).
MEASURE = """
import json, resource, subprocess, sys
manage_py, count, new_every = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
template = sys.stdin.read()
command = [sys.executable, manage_py, "import_orders", "-", "--report", sys.argv[4], "--progress", "0"]
running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
for number in range(count):
    if number % 10 == 9:
        running.stdin.write("refused\\n")
    else:
        running.stdin.write(template.replace("REFERENCE", str(number - number % new_every)))
report = running.communicate()[0]
print(json.dumps({"kib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, "report": report}))
"""


@pytest.mark.slow
def test_memory_stays_flat_however_long_the_stream(command_environment, manage_py, tmp_path):
    def measure(count: int) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(manage_py), str(count), "100", str(tmp_path / "refused")],
            env=command_environment, input=line("REFERENCE"), capture_output=True, text=True, check=True,
        )  # fmt: skip
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    short = measure(4_000)
    long = measure(30_000)

    assert "Read 4,000 lines: 40 placed, 3,560 skipped, 400 refused." in short["report"]
    assert "Read 30,000 lines: 260 placed, 26,740 skipped, 3,000 refused." in long["report"]
    assert long["kib"] < short["kib"] + 10 * 1024
