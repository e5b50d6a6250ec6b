"""The scripts, with an `aws`, a `docker` and a service of our own: what they ask, and with what they end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.conftest import INFRA

NAMES = ("bake", "check", "deploy", "manage", "push-image", "release", "rollback", "setup", "smoke", "synth", "test")


class Programs:
    """Programs that write down what they are asked, and answer by the first fragment that is in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "BAKE_MINUTE": "0", "WAIT": "0"}

    def answer(self, program: str, answers: dict[str, str]) -> None:
        cases = "\n".join(f"    *'{asked}'*) printf '%s\\n' '{told}' ;;" for asked, told in answers.items())
        path = self._folder / program
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{self._folder}/asked\ncase "$*" in\n{cases}\nesac\n')
        path.chmod(0o755)

    def asked(self) -> list[str]:
        return (self._folder / "asked").read_text().splitlines()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        name, *rest = command
        return subprocess.run(
            [str(INFRA / "bin" / name), *rest], env=self.environment, capture_output=True, text=True, timeout=60
        )


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_every_script_can_be_run_and_says_what_it_does(name: str) -> None:
    path = INFRA / "bin" / name
    text = path.read_text()

    assert path.stat().st_mode & 0o111
    assert text.startswith("#!/bin/sh\n# ")
    subprocess.run(["sh", "-n", str(path)], check=True)


def test_every_script_that_one_names_exists() -> None:
    for name in NAMES:
        text = (INFRA / "bin" / name).read_text()
        named = set(re.findall(r"(?:infra/|^|\s)bin/([a-z-]+)\b", text.replace("#!/bin/sh", "")))
        assert {each for each in named if not (INFRA / "bin" / each).exists()} == set()


def test_baking_ends_well_when_no_alarm_rings(programs: Programs) -> None:
    programs.answer("aws", {"length(MetricAlarms)": "13", "StateValue": ""})

    result = programs.run("bake", "production-ap", "2")

    assert (result.returncode, result.stdout) == (0, "None of the 13 alarms of production-ap rang for 2 minutes.\n")
    assert all("--region ap-southeast-2 --alarm-name-prefix orders-production-ap-" in each for each in programs.asked())


def test_baking_fails_when_an_alarm_rings(programs: Programs) -> None:
    programs.answer("aws", {"length(MetricAlarms)": "13", "StateValue": "orders-dev-5xx"})

    result = programs.run("bake", "dev", "2")

    assert (result.returncode, result.stderr) == (1, "After 0 minutes: orders-dev-5xx\n")


def test_baking_a_stage_that_is_not_deployed_fails(programs: Programs) -> None:
    programs.answer("aws", {"length(MetricAlarms)": "0"})

    assert "has no alarms in eu-west-1" in programs.run("bake", "dev").stderr


def test_a_stage_that_there_is_not_is_told_with_those_that_there_are(programs: Programs) -> None:
    result = programs.run("bake", "live")

    assert result.returncode == 1
    assert "no stage live; it has: dev,staging,production-eu,production-ap" in result.stderr


@pytest.mark.parametrize("code", ["0", "3"])
def test_a_command_is_run_as_a_task_and_ends_with_its_exit_code(programs: Programs, code: str) -> None:
    programs.answer(
        "aws",
        {
            "ClusterName": "orders-dev",
            "TaskFamily": "orders-dev-migrate",
            "TaskSubnets": "subnet-1,subnet-2",
            "TaskGroup": "sg-1",
            "TaskLog": "log-1",
            "ecs run-task": "arn:aws:ecs:eu-west-1:1:task/orders-dev/77",
            "wait tasks-stopped": "",
            "get-log-events": "All is sound.",
            "exitCode": code,
        },
    )

    result = programs.run("manage", "dev", "doctor", "--since", "1")

    assert (result.returncode, result.stdout.strip()) == (int(code), "All is sound.")
    (run,) = [each for each in programs.asked() if each.startswith("ecs run-task")]
    overrides = json.loads(re.findall(r"--overrides (\{.*\}) --network", run)[0])
    assert overrides["containerOverrides"][0]["command"] == ["python", "manage.py", "doctor", "--since", "1"]
    assert "subnets=[subnet-1,subnet-2],securityGroups=[sg-1],assignPublicIp=DISABLED" in run
    assert any("--log-stream-name orders/migrate/77" in each for each in programs.asked())


def test_the_images_that_there_were_are_listed(programs: Programs) -> None:
    programs.answer("aws", {"--status ACTIVE": "arn:web:2", "--status INACTIVE": "arn:web:1", "arn:web:": "an image"})

    result = programs.run("rollback", "staging")

    assert (result.returncode, result.stdout) == (0, "an image\nan image\n")


def test_nothing_is_released_while_an_alarm_rings(programs: Programs) -> None:
    programs.answer("aws", {"StateValue": "orders-dev-5xx"})

    result = programs.run("release", "dev", "0")

    assert result.returncode == 1
    assert "dev rings before anything was deployed: orders-dev-5xx. Mend that, or set ANYWAY=1." in result.stderr
    assert all("describe-alarms" in each for each in programs.asked())


def test_a_pushed_image_is_named_by_its_digest(programs: Programs, tmp_path: Path) -> None:
    programs.answer("aws", {"get-login-password": "password"})
    programs.answer("docker", {"login": ""})
    docker = tmp_path / "docker"
    docker.write_text(
        docker.read_text()
        + 'told=\'{"containerimage.digest": "sha256:12"}\'\n'
        + 'while [ $# -gt 0 ]; do [ "$1" != --metadata-file ] || echo "$told" >"$2"; shift; done\n'
    )
    programs.environment["REPOSITORY"] = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/orders"

    result = programs.run("push-image")

    assert (result.returncode, result.stdout) == (0, "111122223333.dkr.ecr.eu-west-1.amazonaws.com/orders@sha256:12\n")
    assert "ecr get-login-password --region eu-west-1" in programs.asked()
    assert "login --username AWS --password-stdin 111122223333.dkr.ecr.eu-west-1.amazonaws.com" in programs.asked()


class Service(BaseHTTPRequestHandler):
    """Answers as the paths say, and everything else with 200."""

    codes: dict[str, int] = {}

    def do_GET(self) -> None:
        self.send_response(self.codes.get(self.path, 200))
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')

    def log_message(self, *_args: object) -> None:
        """Not on the tests' output."""


@pytest.fixture
def service() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Service.codes = {"/api/v1/orders": 401}
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_smoke_is_well_when_everybody_without_a_key_is_refused(programs: Programs, service: str) -> None:
    result = programs.run("smoke", f"{service}/")

    assert result.returncode == 0
    assert f"{service} is well." in result.stdout


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ({"/readyz": 503}, "/readyz is not well after 0 seconds"),
        ({"/api/schema/": 500}, "/api/schema/ does not answer as it should"),
        ({"/api/v1/orders": 200}, "without a key is a 200; 401 was expected"),
    ],
)
def test_smoke_tells_what_is_not(programs: Programs, service: str, codes: dict[str, int], told: str) -> None:
    Service.codes = {"/api/v1/orders": 401} | codes

    result = programs.run("smoke", service)

    assert result.returncode == 1
    assert told in result.stderr
