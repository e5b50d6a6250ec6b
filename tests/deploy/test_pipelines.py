"""Both pipelines are the same steps in the same order, over scripts that are there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from tests.deploy.commands import ROOT

BIN: Final = ROOT / "infra/bin"
BUILDKITE: Final = yaml.safe_load((ROOT / "infra/pipelines/buildkite.yml").read_text())
JENKINS: Final = (ROOT / "infra/pipelines/Jenkinsfile").read_text()
# Without comments and without what stands in quotes, so that only the structure is left.
STRUCTURE: Final = re.sub(r"'[^']*'", "''", re.sub(r"^\s*//.*$", "", JENKINS, flags=re.MULTILINE))
_SCRIPT: Final = re.compile(r"infra/bin/([a-z-]+)([^\"')>]*)")


class Step(NamedTuple):
    label: str
    calls: list[tuple[str, str]]
    on_main_only: bool


def calls(commands: list[str]) -> list[tuple[str, str]]:
    return [(name, arguments.strip()) for command in commands for name, arguments in _SCRIPT.findall(command)]


def of_buildkite(step: dict[str, Any]) -> Step:
    commands = step.get("command", [])
    listed = commands if isinstance(commands, list) else [commands]
    return Step(step.get("label") or step["block"], calls(listed), step.get("branches") == "main")


def of_jenkins() -> list[Step]:
    stages = re.split(r"stage\('([^']+)'\)", JENKINS)[1:]
    return [
        Step(label, calls(re.findall(r"^\s*sh '(.*)'$", body, re.MULTILINE)), "branch 'main'" in body)
        for label, body in zip(stages[::2], stages[1::2], strict=True)
    ]


STEPS: Final = [of_buildkite(step) for step in BUILDKITE["steps"] if step != "wait"]


def test_both_do_the_same_in_the_same_order():
    assert of_jenkins() == STEPS


def test_a_commit_goes_from_its_tests_to_production_only_past_staging_and_somebody():
    assert [(step.label, [" ".join(call).strip() for call in step.calls]) for step in STEPS] == [
        ("Test", ["test", "check"]),
        ("Push the image", ["push-image"]),
        ("Make the templates", ["synth"]),
        ("Release dev", ["release dev 0"]),
        ("Release staging", ["release staging 0"]),
        ("Accept staging", ["manage staging doctor", "accept", "address staging"]),
        ("Approve production", []),
        ("Release production-eu", ["release production-eu 30"]),
        ("Release production-ap", ["release production-ap 10"]),
    ]
    assert [step.label for step in STEPS if not step.on_main_only] == ["Test"]


def test_no_step_begins_before_the_one_before_has_ended():
    kinds = ["wait" if step == "wait" or "block" in step else "step" for step in BUILDKITE["steps"]]

    assert "step step" not in " ".join(kinds)
    released = [step for step in BUILDKITE["steps"] if "release" in str(step) and step != "wait"]
    assert all(step["concurrency"] == 1 and step["concurrency_group"] for step in released)


def test_every_script_is_there_and_can_be_run():
    if not (BIN / "here").exists():
        pytest.skip("infra/bin has not all of its scripts yet")
    named = {name for step in STEPS for name, _ in step.calls}
    ours = (BIN / "release").read_text() + (BIN / "address").read_text()
    used = set(re.findall(r"(?<![/\w])bin/([a-z-]+)", ours))

    assert {name for name in named | used if not os.access(BIN / name, os.X_OK)} == set()


def test_every_stage_is_one_of_the_templates():
    stages = ROOT / "infra/stages.py"
    if not stages.exists():
        pytest.skip("infra/ has no stages.py yet")
    made = set(re.findall(r"(?:name=|_production\()\"([a-z-]+)\"", stages.read_text()))

    assert {arguments.split()[0] for step in STEPS for name, arguments in step.calls if name == "release"} == made


def test_the_jenkinsfile_is_a_declarative_pipeline():
    assert STRUCTURE.split()[:2] == ["pipeline", "{"]
    depth = 0
    for character in STRUCTURE:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    assert all(line.count("'") % 2 == 0 for line in JENKINS.splitlines() if not line.strip().startswith("//"))
    # What a block may hold: a word that is misspelt would be found at the first build only.
    known = {"pipeline", "agent", "options", "environment", "stages", "stage", "steps", "when"}
    assert set(re.findall(r"^\s*(\w+)(?:\(.*\))? \{", STRUCTURE, re.MULTILINE)) <= known
    words = {"sh", "stash", "unstash", "input", "branch", "agent", "disableConcurrentBuilds", "timeout"}
    plain = {
        match[1]
        for line in STRUCTURE.splitlines()
        if "{" not in line and (match := re.match(r"\s*(\w+)\b(?! =)", line)) is not None
    }
    assert plain <= words


# --- infra/bin/release ---------------------------------------------------------------------------------

_HERE: Final = """
cd -- "$(dirname -- "$0")/.."
fail() { printf '%s\\n' "$*" >&2; exit 1; }
output() { echo "https://$1.example.com"; }
ringing() { printf '%s' "${RINGS:-}"; }
"""
# Each writes down how it was called, and fails where it is told to.
_FAKE: Final = """#!/bin/sh
echo "$(basename "$0") $*" >>calls
[ "$(basename "$0")" != "${FAILS:-}" ] || exit 1
if [ "$(basename "$0") $#" = "rollback 1" ]; then printf '%s' "${BEFORE:-}"; fi
"""


def release(directory: Path, **variables: str) -> tuple[int, list[str]]:
    bin_directory = directory / "bin"
    bin_directory.mkdir(exist_ok=True)
    for name in ("release", "address"):
        shutil.copy(BIN / name, bin_directory / name)
    (bin_directory / "here").write_text(_HERE)
    for name in ("setup", "deploy", "smoke", "bake", "rollback"):
        (bin_directory / name).write_text(_FAKE)
        (bin_directory / name).chmod(0o755)
    command = [str(bin_directory / "release"), "staging", "5"]
    ended = subprocess.run(command, env=os.environ | variables, capture_output=True, check=False)
    return ended.returncode, (directory / "calls").read_text().splitlines()


BEFORE: Final = "2026-11-30T12:00:00Z\trepository@sha256:new\n2026-11-29T12:00:00Z\trepository@sha256:old\n"
WELL: Final = [
    "setup ",
    "rollback staging",
    "deploy staging",
    "setup ",
    "smoke https://staging.example.com",
    "bake staging 5",
]


def test_a_release_that_is_well_stays(tmp_path: Path):
    assert release(tmp_path, BEFORE=BEFORE) == (0, WELL)


@pytest.mark.parametrize(("fails", "called"), [("smoke", WELL[:-1]), ("bake", WELL)])
def test_one_that_is_not_gives_way_to_the_version_before(tmp_path: Path, fails: str, called: list[str]):
    back = "rollback staging repository@sha256:new"

    assert release(tmp_path, BEFORE=BEFORE, FAILS=fails) == (1, [*called, back])


def test_the_first_release_has_nothing_to_go_back_to(tmp_path: Path):
    assert release(tmp_path, FAILS="bake") == (1, WELL)


def test_what_could_not_be_deployed_is_not_looked_at(tmp_path: Path):
    assert release(tmp_path, BEFORE=BEFORE, FAILS="deploy") == (1, WELL[:3])


def test_nothing_is_deployed_while_an_alarm_rings_unless_somebody_says_so(tmp_path: Path):
    assert release(tmp_path, BEFORE=BEFORE, RINGS="orders-staging-5xx") == (1, WELL[:1])

    # Its alarms say nothing of the new version then.
    begun, *done = WELL[:-1]
    assert release(tmp_path, BEFORE=BEFORE, RINGS="orders-staging-5xx", ANYWAY="1") == (0, [begun, begun, *done])


def test_a_version_without_a_digest_does_not_come_back(tmp_path: Path):
    built = "2026-11-30T12:00:00Z\trepository/assets:0123abc\n"

    assert release(tmp_path, BEFORE=built, FAILS="bake") == (1, WELL)
