"""`manage.py run`: everything under one foreground process."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import yaml

from orders_project.management.commands.run import environment_of_programs, welcome
from orders_project.secret_key import ensure_secret_key_file
from orders_project.supervisor import STOP_SECONDS
from orders_project.web_server import web_server_command
from tests.orders_project.running import Output, children_of
from tests.processes import running

ROOT = Path(__file__).resolve().parents[2]

SUPERVISE = """
import sys
from pathlib import Path
from orders_project.supervisor import ProgramFailed, Supervisor

with Supervisor(Path("."), environment={}, say=print) as supervisor:
    try:
        supervisor.keep_running({"short-lived": [sys.executable, "-c", "raise SystemExit(7)"]}, each_round=list)
    except ProgramFailed as error:
        print(error)
"""

# As above, but the program comes up once the file of that name exists.
SUPERVISE_AND_MEND = """
import sys
from pathlib import Path
from orders_project.supervisor import Supervisor

mended, lives = Path(sys.argv[1]), Path(sys.argv[1] + ".lives")
program = (
    "import sys, time; from pathlib import Path\\n"
    f"if not Path({str(mended)!r}).exists(): sys.exit(7)\\n"
    f"Path({str(lives)!r}).touch(); time.sleep(600)"
)

def say(text):
    print(text)
    if "after the next change" in text:
        mended.touch()

def each_round():
    if mended.exists() and not restarted:
        restarted.append(True)
        supervisor.restart()
    if lives.exists():
        print("short-lived lives")
        sys.exit()

restarted = []
with Supervisor(Path("."), environment={}, say=say) as supervisor:
    supervisor.keep_running({"short-lived": [sys.executable, "-c", program]}, each_round=each_round, restarts=True)
"""


def test_runs_everything_until_interrupted(environment: dict[str, str], free_port: int, tmp_path: Path) -> None:
    output = Output(tmp_path / "output")
    command = [sys.executable, "manage.py", "run", "--no-demo", "--workers", "2", "--port", str(free_port)]
    variables = environment | {"METRICS_TOKEN": "secret", "EVENT_SOURCES": "memory"}
    with (
        output.path.open("w") as file,
        running(command, cwd=ROOT, env=variables, stdout=file, stderr=subprocess.STDOUT) as run,
    ):
        output.wait_for(f"The order service runs at http://localhost:{free_port}")
        for _ in range(12):
            with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/api/problems", timeout=60) as answer:
                assert answer.status == 200
        for _ in range(6):  # whichever worker is asked, it tells of both
            assert requests_counted(free_port, route="problems") == 12

        children = children_of(run.pid)
        assert {"orders_project.asgi:application", "relay_events", "sweep", "place_requested", "consume_events"} <= set(
            children
        )

        os.kill(children["relay_events"], signal.SIGKILL)
        output.wait_for(r"relay_events ended unexpectedly \(killed by SIGKILL\); starting it again in (0\.5|1) s\.")
        deadline = time.monotonic() + 30
        while "relay_events" not in children_of(run.pid):
            assert time.monotonic() < deadline
            time.sleep(0.1)

        last_children = children_of(run.pid)
        run.send_signal(signal.SIGINT)

        assert run.wait(timeout=40) == 0
        assert not [name for name, pid in last_children.items() if psutil.pid_exists(pid)]


def requests_counted(port: int, *, route: str) -> int:
    page = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": "Bearer secret"})
    with urllib.request.urlopen(page, timeout=60) as answer:
        text = answer.read().decode()
    counts = re.findall(rf'^http_request_duration_seconds_count{{.*route="{route}".*}} ([\d.]+)$', text, re.MULTILINE)
    return round(sum(map(float, counts)))


def test_a_busy_port_is_told_before_anything_starts(environment: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        result = subprocess.run(
            [sys.executable, "manage.py", "run"],
            cwd=ROOT,
            env={**environment, "PORT": str(port)},
            capture_output=True,
            text=True,
        )

    assert result.returncode == 1
    assert result.stderr.startswith(f"CommandError: Cannot listen on 127.0.0.1 port {port} (")
    assert "give another --port." in result.stderr
    assert not Path(environment["EMBEDDED_PG_HOME"]).exists()


def test_a_program_that_never_comes_up_ends_the_run_with_the_reason() -> None:
    result = subprocess.run([sys.executable, "-c", SUPERVISE], cwd=ROOT, capture_output=True, text=True, check=True)

    assert result.stdout.splitlines() == [
        "short-lived ended unexpectedly (exit code 7); starting it again in 1 s.",
        "short-lived ended unexpectedly (exit code 7); starting it again in 2 s.",
        "short-lived ended 3 times in a row within 10 s of its start (exit code 7); what it said is above.",
    ]


def test_a_program_that_never_comes_up_is_waited_for_where_its_code_may_change(tmp_path: Path) -> None:
    mended = tmp_path / "mended"

    result = subprocess.run(
        [sys.executable, "-c", SUPERVISE_AND_MEND, mended],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert result.stdout.splitlines() == [
        "short-lived ended unexpectedly (exit code 7); starting it again in 1 s.",
        "short-lived ended unexpectedly (exit code 7); starting it again in 2 s.",
        "short-lived ended 3 times in a row within 10 s of its start (exit code 7); what it said is above. "
        "It is started again after the next change.",
        "short-lived lives",
    ]


def test_whoever_stops_the_web_server_waits_longer_than_it_waits_for_its_workers() -> None:
    command = web_server_command("127.0.0.1", 8000, workers=2)
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

    assert command[command.index("--workers-kill-timeout") + 1] == "20"
    assert STOP_SECONDS == 25
    assert compose["services"]["web"]["stop_grace_period"] == "30s"


def test_greets_with_a_call_to_paste_and_the_logins(settings: Any, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    facts = {
        "storefronts": [{"code": "au", "api_key": "prefix.secret"}],
        "staff": [{"username": "lena", "password": "open sesame", "group": "lead"}],
    }
    (tmp_path / ".demo.json").write_text(json.dumps(facts))

    greeting = welcome("http://localhost:8000", demo=True)

    assert "curl -i http://localhost:8000/api/v1/orders -H 'X-API-Key: prefix.secret' -H 'Content-Ty" in greeting
    readme = (ROOT / "README.md").read_text()
    sent, example = (re.search(r"-d '(\{.*?\})'", text, re.DOTALL) for text in (greeting, readme))
    assert sent is not None
    assert example is not None
    assert json.loads(sent[1]) == json.loads(example[1])
    assert "lena         open sesame          lead" in greeting


def test_the_demo_has_a_customer_who_may_not_order(monkeypatch: Any) -> None:
    monkeypatch.setenv("SECRET_KEY", "known")
    monkeypatch.delenv("INVALID_CUSTOMERS", raising=False)

    assert environment_of_programs("", demo=True)["INVALID_CUSTOMERS"] == "zyx-321"
    assert "INVALID_CUSTOMERS" not in environment_of_programs("", demo=False)
    monkeypatch.setenv("INVALID_CUSTOMERS", "")
    assert environment_of_programs("", demo=True)["INVALID_CUSTOMERS"] == ""


def test_a_secret_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first = ensure_secret_key_file(tmp_path).read_text()

    path = ensure_secret_key_file(tmp_path)

    assert (path.read_text(), len(first) >= 50) == (first, True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == [".secret_key"]
