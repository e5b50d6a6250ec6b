"""The database is migrated before any process gets new code: whatever depends on this is deployed after it.

A custom resource and no step of a pipeline, so that `cdk deploy` by hand keeps the order as well. Its properties name
the task's definition, which is another one with each image and each variable: it runs when something has changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources
from constructs import Construct

from order_service.kept_logs import log_group
from order_service.network import Network
from stages import Settings

_CODE: Final = Path(__file__).resolve().parents[1] / "migration"
# The longest that the framework waits is two hours.
_LONGEST: Final = cdk.Duration.hours(1)


class Migration(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        network: Network,
        cluster: ecs.Cluster,
        definition: ecs.FargateTaskDefinition,
        log: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        start, has_ended = self._function("start"), self._function("has_ended")
        definition.grant_run(start)
        has_ended.add_to_role_policy(
            iam.PolicyStatement(
                actions=["ecs:DescribeTasks"],
                resources=[
                    cdk.Stack.of(self).format_arn(
                        service="ecs", resource="task", resource_name=f"{cluster.cluster_name}/*"
                    )
                ],
            )
        )
        provider = custom_resources.Provider(
            self,
            "Provider",
            on_event_handler=start,
            is_complete_handler=has_ended,
            query_interval=cdk.Duration.seconds(10),
            total_timeout=_LONGEST,
            log_group=log_group(self, "ProviderLog", settings=settings),
        )
        run = cdk.CustomResource(
            self,
            "Run",
            service_token=provider.service_token,
            resource_type="Custom::Migration",
            properties={
                "Cluster": cluster.cluster_name,
                "TaskDefinition": definition.task_definition_arn,
                "Subnets": network.vpc.select_subnets(subnet_group_name="Tasks").subnet_ids,
                "SecurityGroups": [network.task_group.security_group_id],
                "LogGroup": log.log_group_name,
            },
        )
        # Not before the task may read its secrets and its image.
        run.node.add_dependency(definition.task_role, definition.obtain_execution_role())

    def _function(self, handler: str) -> lambda_.Function:
        name = "".join(part.capitalize() for part in handler.split("_"))
        return lambda_.Function(
            self,
            name,
            runtime=lambda_.Runtime.PYTHON_3_14,
            code=lambda_.Code.from_asset(str(_CODE), exclude=["__pycache__", "*.pyc"]),
            handler=f"run_migration.{handler}",
            timeout=cdk.Duration.seconds(30),
            log_group=log_group(self, f"{name}Log", settings=self._settings),
        )
