"""All stages: `cdk` runs this, by cdk.json. cdk-nag looks at what comes of it."""

from __future__ import annotations

import os

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from order_service.stage import OrderService
from stages import STAGES

# The CLI would take these from cdk.json; tests do not, so they stand here.
FLAGS = {
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/core:checkSecretUsage": True,
    "@aws-cdk/core:target-partitions": ["aws"],
    "@aws-cdk/aws-ecs:disableExplicitDeploymentControllerForCircuitBreaker": True,
}


def main() -> None:
    """Every stage, with the image that `-c image=` names."""
    app = cdk.App(context=FLAGS)
    for settings in STAGES:
        OrderService(
            app,
            settings,
            account=app.node.try_get_context("account") or os.environ.get("CDK_DEFAULT_ACCOUNT"),
            image=app.node.try_get_context("image"),
        )
    # What it finds ends the synthesis: see order_service/acknowledged.py.
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    main()
