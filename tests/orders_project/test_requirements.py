"""requirements.txt says exactly what is installed of what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.txt").read_text()
RUNTIME, REST = LOCK.split("\n# --- brokers", maxsplit=1)
BROKERS, REST = REST.split("\n# --- lambda", maxsplit=1)
LAMBDA, DEVELOPMENT = REST.split("\n# --- development", maxsplit=1)
EXTRAS = [
    line for name, lines in PROJECT["project"]["optional-dependencies"].items() for line in lines if name != "lambda"
]


def pins(part: str) -> dict[str, Requirement]:
    """By name; what stands there twice, for different platforms, counts once."""
    lines = [Requirement(line.removesuffix(" \\")) for line in part.splitlines() if re.match(r"\w", line)]
    return {canonicalize_name(line.name): line for line in lines}


def asked_for(lines: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(line.name): line for line in map(Requirement, lines)}


def test_what_the_service_imports_is_pinned_in_the_runtime_part() -> None:
    asked = asked_for(PROJECT["project"]["dependencies"])

    pinned = pins(RUNTIME)

    assert len(asked) > 20
    assert set(asked) <= set(pinned)
    for name, requirement in asked.items():
        (exactly,) = pinned[name].specifier
        assert exactly.operator == "=="
        assert requirement.specifier.contains(exactly.version), name
        assert (requirement.marker is None) == (pinned[name].marker is None), name


def test_the_clients_of_brokers_are_pinned_between_what_runs_and_what_is_for_development() -> None:
    assert set(asked_for(EXTRAS)) == {"aio-pika", "boto3", "confluent-kafka", "nats-py", "redis"} <= set(pins(BROKERS))
    assert not set(pins(RUNTIME)) & set(pins(BROKERS))


def test_what_lambda_needs_is_pinned_in_a_part_of_its_own() -> None:
    asked = asked_for(PROJECT["project"]["optional-dependencies"]["lambda"])

    assert set(asked) == {"apig-wsgi"} == set(pins(LAMBDA))


def test_what_only_development_needs_is_pinned_below_the_line_that_an_image_stops_at() -> None:
    asked = asked_for(PROJECT["dependency-groups"]["dev"])

    pinned = pins(DEVELOPMENT)

    assert len(asked) > 10
    assert set(asked) <= set(pinned)
    assert not (set(pins(RUNTIME)) | set(pins(BROKERS)) | set(pins(LAMBDA))) & set(pinned)
    for name, requirement in asked.items():
        (exactly,) = pinned[name].specifier
        assert requirement.specifier.contains(exactly.version), name


def test_each_part_begins_with_what_is_asked_for_itself() -> None:
    for part, heading, lines in (
        (RUNTIME, "\n# runtime: what those need\n", PROJECT["project"]["dependencies"]),
        (BROKERS, "\n# brokers: what those need\n", EXTRAS),
        (DEVELOPMENT, "\n# development: what those need\n", PROJECT["dependency-groups"]["dev"]),
    ):
        named, needed = part.split(heading)
        assert list(pins(named)) == sorted(asked_for(lines))
        assert not set(pins(needed)) & set(asked_for(lines))


def test_every_pin_has_a_hash_and_nothing_but_pins_stands_there() -> None:
    pin = r"[\w.-]+==[\w.!+-]+( ; [^\\\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+"

    strange = [line for line in re.sub(rf"^{pin}$", "", LOCK, flags=re.MULTILINE).splitlines() if line]

    assert [line for line in strange if not line.startswith("# ")] == []
