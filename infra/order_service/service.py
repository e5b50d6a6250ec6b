"""The processes of docs/operating.md as services of Fargate; none of them gets new code before the migration."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from constructs import Construct

from order_service.data import Data
from order_service.events import Events
from order_service.front_door import FrontDoor
from order_service.image import container_image
from order_service.migration import Migration
from order_service.network import WEB_PORT, Network
from order_service.tasks import TaskMaker
from stages import Settings, Tasks


class Service(cdk.Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        network: Network,
        data: Data,
        events: Events,
        image: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._network = network
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=f"orders-{settings.name}",
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
        )
        self.front_door = FrontDoor(self, "FrontDoor", settings=settings, network=network)
        tasks = TaskMaker(
            self,
            settings=settings,
            data=data,
            events=events,
            image=container_image(self, image, settings),
            host=self.front_door.host,
        )
        migrate = tasks.definition("migrate", ["migrate", "--no-input"], size=settings.relay)
        self._migration = Migration(
            self,
            "Migration",
            settings=settings,
            network=network,
            cluster=self.cluster,
            definition=migrate,
            log=tasks.logs["migrate"],
        )

        web = tasks.definition("web", _serve(settings.web), size=settings.web)
        assert web.default_container is not None  # noqa: S101 - made a line above
        web.default_container.add_port_mappings(ecs.PortMapping(container_port=WEB_PORT))
        relay = tasks.definition("relay", ["relay_events"], size=settings.relay)
        tasks.may_send_events(relay.task_role)
        consumer = tasks.definition("consumer", ["consume_events"], size=settings.consumer)
        tasks.may_receive_events(consumer.task_role)

        self.web = self._run("Web", web, settings.web)
        self.web.attach_to_application_target_group(self.front_door.targets)
        self.web.node.add_dependency(self.front_door.listener)
        self._run("Relay", relay, settings.relay)
        self._run("Sweeper", tasks.definition("sweeper", ["sweep"], size=settings.sweeper), settings.sweeper)
        self._run("Placer", tasks.definition("placer", ["place_requested"], size=settings.placer), settings.placer)
        self._run("Consumer", consumer, settings.consumer)
        self._tell(migrate, tasks.logs["migrate"])

    def _run(self, construct_id: str, definition: ecs.FargateTaskDefinition, size: Tasks) -> ecs.FargateService:
        service = ecs.FargateService(
            self,
            construct_id,
            service_name=construct_id.lower(),
            cluster=self.cluster,
            task_definition=definition,
            # Where scaling says how many, a deployment leaves that alone.
            desired_count=size.least if size.most == size.least else None,
            # The old tasks go once the new ones are there.
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            vpc_subnets=self._network.task_subnets,
            security_groups=[self._network.task_group],
            assign_public_ip=False,
            health_check_grace_period=cdk.Duration.seconds(60) if construct_id == "Web" else None,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        service.node.add_dependency(self._migration)
        if size.most > size.least:
            scaling = service.auto_scale_task_count(min_capacity=size.least, max_capacity=size.most)
            scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=60)
        return service

    def _tell(self, migrate: ecs.FargateTaskDefinition, log: logs.ILogGroup) -> None:
        """What `infra/bin/` needs to know."""
        for name, value in {
            "Address": f"https://{self.front_door.host}",
            "ClusterName": self.cluster.cluster_name,
            # Any command of manage.py can be run with it.
            "TaskFamily": migrate.family,
            "TaskSubnets": ",".join(self._network.vpc.select_subnets(subnet_group_name="Tasks").subnet_ids),
            "TaskLog": log.log_group_name,
            "TaskGroup": self._network.task_group.security_group_id,
        }.items():
            cdk.CfnOutput(self, name, value=value)


def _serve(size: Tasks) -> list[str]:
    """A worker for each processor, at least one."""
    return ["serve", "--host", "0.0.0.0", "--port", str(WEB_PORT), "--workers", str(max(size.cpu // 1024, 1))]  # noqa: S104
