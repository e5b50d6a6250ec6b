"""The migration's two functions, with an ECS of our own: a deployment goes on after exit code 0, and after no other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

EVENT: dict[str, Any] = {
    "RequestType": "Update",
    "RequestId": "request-1",
    "PhysicalResourceId": "migration",
    "ResourceProperties": {
        "Cluster": "orders-dev",
        "TaskDefinition": "arn:aws:ecs:eu-west-1:1:task-definition/orders-dev-migrate:7",
        "Subnets": ["subnet-1", "subnet-2"],
        "SecurityGroups": ["sg-1"],
        "LogGroup": "migrations",
    },
}


class Ecs:
    """Starts a task, and tells of it what the test says."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []
        self.failures: list[dict[str, str]] = []
        self.found: list[dict[str, Any]] = []

    def run_task(self, **asked: Any) -> dict[str, Any]:
        self.started.append(asked)
        return {"tasks": [] if self.failures else [{"taskArn": "arn:task-1"}], "failures": self.failures}

    def describe_tasks(self, *, cluster: str, tasks: list[str]) -> dict[str, Any]:
        assert (cluster, tasks) == ("orders-dev", ["arn:task-1"])
        return {"tasks": self.found}


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ecs]:
    fake = Ecs()
    # Lambda has boto3; here nothing else needs it.
    monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(client=lambda service: {"ecs": fake}[service]))
    yield fake
    sys.modules.pop("migration.run_migration", None)


def ended(container: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"lastStatus": "STOPPED", "containers": [container]}]


def ask_has_ended() -> dict[str, Any]:
    from migration.run_migration import has_ended

    return has_ended({**EVENT, "Data": {"Task": "arn:task-1"}}, None)


def test_starts_the_task_once_however_often_it_is_called_and_without_a_public_address(ecs: Ecs) -> None:
    from migration.run_migration import start

    assert start(EVENT, None) == {"PhysicalResourceId": "migration", "Data": {"Task": "arn:task-1"}}

    (asked,) = ecs.started
    assert asked["taskDefinition"].endswith("orders-dev-migrate:7")
    assert asked["clientToken"] == "request-1"
    assert asked["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"


def test_a_task_that_cannot_be_started_fails_the_deployment(ecs: Ecs) -> None:
    from migration.run_migration import start

    ecs.failures = [{"reason": "RESOURCE:CPU"}]

    with pytest.raises(RuntimeError, match="could not be started: RESOURCE:CPU"):
        start(EVENT, None)


def test_deleting_the_stack_migrates_nothing(ecs: Ecs) -> None:
    from migration.run_migration import has_ended, start

    start({**EVENT, "RequestType": "Delete"}, None)

    assert has_ended({**EVENT, "RequestType": "Delete"}, None) == {"IsComplete": True}
    assert ecs.started == []


@pytest.mark.parametrize("found", [[], [{"lastStatus": "RUNNING", "containers": [{}]}]])
def test_is_waited_for_while_it_runs(ecs: Ecs, found: list[dict[str, Any]]) -> None:
    ecs.found = found

    assert ask_has_ended() == {"IsComplete": False}


def test_goes_on_after_0(ecs: Ecs) -> None:
    ecs.found = ended({"exitCode": 0})

    assert ask_has_ended() == {"IsComplete": True}


@pytest.mark.parametrize(
    ("container", "told"),
    [
        ({"exitCode": 1}, "ended with 1"),
        ({"reason": "CannotPullContainerError"}, "no exit code .CannotPullContainerError."),
    ],
)
def test_anything_else_fails_the_deployment_and_names_the_log(ecs: Ecs, container: dict[str, Any], told: str) -> None:
    ecs.found = ended(container)

    with pytest.raises(RuntimeError, match=f"{told}.*log group migrations"):
        ask_has_ended()
