"""The templates that `infra/bin/synth` has made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from stages import STAGES

INFRA = Path(__file__).resolve().parents[1]
CDK_OUT = INFRA / "cdk.out"
STACKS = ("Network", "Data", "Events", "Service", "Watch")

Read = Callable[[str, str], Template]


def text_of(stage: str, stack: str) -> str:
    """The template as it is sent to AWS."""
    if not CDK_OUT.exists():
        pytest.fail("There are no templates: infra/bin/synth makes them.")
    (path,) = (CDK_OUT / f"assembly-{stage}").glob(f"{stage.replace('-', '')}{stack}*.template.json")
    return path.read_text()


@pytest.fixture(params=[stage.name for stage in STAGES])
def stage(request: pytest.FixtureRequest) -> str:
    """Each of them, by name."""
    name: str = request.param
    return name


@pytest.fixture
def template() -> Read:
    """`template("dev", "Data")`."""
    return lambda stage, stack: Template.from_string(text_of(stage, stack))


def resources(template: Template, type_name: str) -> dict[str, dict[str, Any]]:
    """Of a type, by logical id, with at least one: a test of none would show nothing."""
    found: dict[str, dict[str, Any]] = json.loads(json.dumps(template.find_resources(type_name)))
    assert found, f"There is no {type_name}."
    return found
