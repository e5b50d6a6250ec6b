"""Where it runs: a VPC in two zones. Nothing in it has a public address but the NAT gateways."""

from __future__ import annotations

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from order_service.kept_logs import log_group
from stages import Settings

WEB_PORT: Final = 8000
DATABASE_PORT: Final = 5432
# What a task calls all the time. KMS is not among them: the services that encrypt ask it themselves.
_CALLED: Final = {
    "EcrApi": ec2.InterfaceVpcEndpointAwsService.ECR,
    "EcrDocker": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "Secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Sns": ec2.InterfaceVpcEndpointAwsService.SNS,
    "Sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
    "EventBridge": ec2.InterfaceVpcEndpointAwsService.EVENTBRIDGE,
}


class Network(cdk.Stack):
    """Three layers of subnets: `Public` for NAT, `Tasks`, which reach out through it, `Data`, which reach nothing."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        to_log = ec2.FlowLogDestination.to_cloud_watch_logs(log_group(self, "FlowLog", settings=settings))
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            availability_zones=list(settings.zones),
            nat_gateways=settings.nat_gateways,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(name="Tasks", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20),
                ec2.SubnetConfiguration(name="Data", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24),
            ],
            flow_logs={"All": ec2.FlowLogOptions(destination=to_log)},
            # Costs nothing, and carries the layers of images.
            gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
        )
        self.task_subnets = ec2.SubnetSelection(subnet_group_name="Tasks")
        self.data_subnets = ec2.SubnetSelection(subnet_group_name="Data")
        self._chain_of_groups(https_inside=settings.domain is not None)
        if settings.private_endpoints:
            self._call_aws_from_within()

    def _chain_of_groups(self, *, https_inside: bool) -> None:
        """API Gateway reaches the load balancer only, that the tasks only, those the database: nobody skips one."""
        self.gateway_group, self.balancer_group, self.database_group = (
            ec2.SecurityGroup(self, name, vpc=self.vpc, allow_all_outbound=False, description=description)
            for name, description in (
                ("Gateway", "The VPC link of API Gateway"),
                ("Balancer", "The load balancer"),
                ("Database", "The database"),
            )
        )
        # They call webhooks and other services, wherever those are.
        self.task_group = ec2.SecurityGroup(self, "Tasks", vpc=self.vpc, description="The tasks")
        for caller, called, port in (
            (self.gateway_group, self.balancer_group, 443 if https_inside else 80),
            (self.balancer_group, self.task_group, WEB_PORT),
            (self.task_group, self.database_group, DATABASE_PORT),
        ):
            called.add_ingress_rule(caller, ec2.Port.tcp(port))
            caller.add_egress_rule(called, ec2.Port.tcp(port))

    def _call_aws_from_within(self) -> None:
        group = ec2.SecurityGroup(self, "Endpoints", vpc=self.vpc, allow_all_outbound=False, description="AWS")
        group.add_ingress_rule(self.task_group, ec2.Port.tcp(443))
        for name, service in _CALLED.items():
            self.vpc.add_interface_endpoint(
                name, service=service, subnets=self.task_subnets, security_groups=[group], open=False
            )
