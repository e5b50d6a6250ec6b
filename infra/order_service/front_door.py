"""How a request comes in: API Gateway, which ends TLS and throttles, then a load balancer that nobody else reaches."""

from __future__ import annotations

import json
from typing import Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigateway as apigateway_v1
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as route53_targets
from aws_cdk import aws_s3 as s3
from constructs import Construct

from order_service.kept_logs import log_group
from order_service.network import WEB_PORT, Network
from stages import Domain, Settings

# The longest that the CDK lets API Gateway wait for an answer.
_LONGEST_ANSWER: Final = cdk.Duration.seconds(29)
# Nothing of a query or a header: they can tell of people.
_LOGGED: Final = {
    name: f"$context.{variable}"
    for name, variable in {
        "request": "requestId",
        "time": "requestTime",
        "address": "identity.sourceIp",
        "method": "httpMethod",
        "path": "path",
        "status": "status",
        "milliseconds": "responseLatency",
        "of_which_ours": "integrationLatency",
        "error": "integrationErrorMessage",
    }.items()
}


class FrontDoor(Construct):
    """`host` is the name that clients use; `targets` are the tasks that answer."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, network: Network) -> None:
        super().__init__(scope, construct_id)
        self._network = network
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=f"orders-{settings.name}",
            create_default_stage=False,
            # With a domain there is one way in.
            disable_execute_api_endpoint=settings.domain is not None,
        )
        region = cdk.Stack.of(self).region
        self.host = settings.domain.name if settings.domain else f"{self.api.api_id}.execute-api.{region}.amazonaws.com"
        zone = _zone_of(self, settings.domain) if settings.domain else None
        certificate = (
            acm.Certificate(
                self, "Certificate", domain_name=self.host, validation=acm.CertificateValidation.from_dns(zone)
            )
            if zone
            else None
        )
        self.balancer = self._balancer(settings)
        self.targets = _targets(self, network)
        self.listener = self.balancer.add_listener(
            "Listener",
            port=443 if certificate else 80,
            protocol=elb.ApplicationProtocol.HTTPS if certificate else elb.ApplicationProtocol.HTTP,
            certificates=[certificate] if certificate else None,
            ssl_policy=elb.SslPolicy.TLS13_RES if certificate else None,
            default_target_groups=[self.targets],
            open=False,
        )
        self._answer_everything_by_the_balancer(is_https=certificate is not None)
        stage = self._stage(settings)
        if certificate and zone:
            self._at_the_domain(certificate, zone, stage)

    def _balancer(self, settings: Settings) -> elb.ApplicationLoadBalancer:
        balancer = elb.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=self._network.vpc,
            vpc_subnets=self._network.task_subnets,
            internet_facing=False,
            security_group=self._network.balancer_group,
            deletion_protection=settings.is_kept,
            drop_invalid_header_fields=True,
        )
        balancer.log_access_logs(
            s3.Bucket(
                self,
                "BalancerLog",
                # The only encryption with which a load balancer can write.
                encryption=s3.BucketEncryption.S3_MANAGED,
                block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
                enforce_ssl=True,
                lifecycle_rules=[s3.LifecycleRule(expiration=cdk.Duration.days(settings.log_days))],
                removal_policy=cdk.RemovalPolicy.RETAIN,
            )
        )
        return balancer

    def _answer_everything_by_the_balancer(self, *, is_https: bool) -> None:
        link = apigateway.VpcLink(
            self,
            "Link",
            vpc=self._network.vpc,
            subnets=self._network.task_subnets,
            security_groups=[self._network.gateway_group],
        )
        # API Gateway asks by the balancer's name otherwise, and addresses in answers (`next`) would have it. It takes a
        # constant only.
        mapping = apigateway.ParameterMapping().overwrite_header("host", apigateway.MappingValue.custom(self.host))
        apigateway.HttpRoute(
            self,
            "All",
            http_api=self.api,
            route_key=apigateway.HttpRouteKey.DEFAULT,
            integration=integrations.HttpAlbIntegration(
                "Balancer",
                self.listener,
                vpc_link=link,
                secure_server_name=self.host if is_https else None,
                parameter_mapping=mapping,
                timeout=_LONGEST_ANSWER,
            ),
        )

    def _stage(self, settings: Settings) -> apigateway.HttpStage:
        return apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=settings.requests_per_second, burst_limit=settings.burst),
            detailed_metrics_enabled=True,
            access_log_settings=_AccessLog(log_group(self, "AccessLog", settings=settings)),
        )

    def _at_the_domain(
        self, certificate: acm.Certificate, zone: route53.IHostedZone, stage: apigateway.HttpStage
    ) -> None:
        name = apigateway.DomainName(
            self,
            "Domain",
            domain_name=self.host,
            certificate=certificate,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        apigateway.ApiMapping(self, "Mapping", api=self.api, domain_name=name, stage=stage)
        route53.ARecord(
            self,
            "Address",
            zone=zone,
            record_name=self.host,
            target=route53.RecordTarget.from_alias(
                route53_targets.ApiGatewayv2DomainProperties(name.regional_domain_name, name.regional_hosted_zone_id)
            ),
        )


@jsii.implements(apigateway.IAccessLogSettings)
class _AccessLog:
    def __init__(self, group: logs.LogGroup) -> None:
        self._group = group

    @property
    def destination(self) -> apigateway.IAccessLogDestination:
        return apigateway.LogGroupLogDestination(self._group)

    @property
    def format(self) -> apigateway_v1.AccessLogFormat:
        return apigateway_v1.AccessLogFormat.custom(json.dumps(_LOGGED))


def _targets(scope: Construct, network: Network) -> elb.ApplicationTargetGroup:
    return elb.ApplicationTargetGroup(
        scope,
        "Targets",
        vpc=network.vpc,
        port=WEB_PORT,
        protocol=elb.ApplicationProtocol.HTTP,
        target_type=elb.TargetType.IP,
        deregistration_delay=cdk.Duration.seconds(30),
        health_check=elb.HealthCheck(
            path="/readyz",
            interval=cdk.Duration.seconds(10),
            timeout=cdk.Duration.seconds(5),
            healthy_threshold_count=2,
            # ECS replaces what is unhealthy, which helps nobody while the database fails over: wait for that.
            unhealthy_threshold_count=10,
        ),
    )


def _zone_of(scope: Construct, domain: Domain) -> route53.IHostedZone:
    return route53.HostedZone.from_hosted_zone_attributes(
        scope, "Zone", hosted_zone_id=domain.zone_id, zone_name=domain.zone_name
    )
