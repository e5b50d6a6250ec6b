"""Runs the migration task, and tells CloudFormation when it has ended and how.

Two functions, as the provider framework of the CDK calls them: `start` once, `has_ended` until it says so. What is
raised here fails the deployment, with the services still as they were.
"""

from __future__ import annotations

from typing import Any

import boto3

Event = dict[str, Any]


def start(event: Event, _context: Any) -> Event:
    """Start the task. A repeated call finds the one it has started; deleting the stack migrates nothing."""
    if event["RequestType"] == "Delete":
        return {"PhysicalResourceId": event["PhysicalResourceId"]}
    asked = event["ResourceProperties"]
    answer = boto3.client("ecs").run_task(
        cluster=asked["Cluster"],
        taskDefinition=asked["TaskDefinition"],
        launchType="FARGATE",
        clientToken=event["RequestId"],
        startedBy="migration",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": asked["Subnets"],
                "securityGroups": asked["SecurityGroups"],
                "assignPublicIp": "DISABLED",
            }
        },
    )
    if not answer["tasks"]:
        reasons = ", ".join(failure.get("reason", "no reason given") for failure in answer["failures"])
        raise RuntimeError(f"The migration could not be started: {reasons}.")
    # One resource for good: another id would have CloudFormation delete the former one.
    return {"PhysicalResourceId": "migration", "Data": {"Task": answer["tasks"][0]["taskArn"]}}


def has_ended(event: Event, _context: Any) -> Event:
    """Raises RuntimeError unless the task has ended with 0."""
    if event["RequestType"] == "Delete":
        return {"IsComplete": True}
    asked = event["ResourceProperties"]
    found = boto3.client("ecs").describe_tasks(cluster=asked["Cluster"], tasks=[event["Data"]["Task"]])["tasks"]
    if not found or found[0]["lastStatus"] != "STOPPED":
        return {"IsComplete": False}
    (container,) = found[0]["containers"]
    if container.get("exitCode") != 0:
        told = container.get("reason") or found[0].get("stoppedReason") or "no reason given"
        raise RuntimeError(
            f"The migration ended with {container.get('exitCode', 'no exit code')} ({told}). "
            f"What it said is in the log group {asked['LogGroup']}."
        )
    return {"IsComplete": True}
