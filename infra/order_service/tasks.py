"""How a process of the service becomes a task: its command, its variables, what it may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from order_service.data import Data
from order_service.events import Events
from order_service.kept_logs import log_group
from stages import Settings, Tasks

# The user of the Dockerfile.
_USER: Final = "10001"
_PROCESSORS: Final = {"x86_64": ecs.CpuArchitecture.X86_64, "arm64": ecs.CpuArchitecture.ARM64}


class TaskMaker:
    """Makes the definitions of one stage; all of them have the same image, variables and secrets."""

    def __init__(
        self, scope: Construct, *, settings: Settings, data: Data, events: Events, image: ecs.ContainerImage, host: str
    ) -> None:
        """`host` is the name at which clients find the service."""
        self._scope = scope
        self._settings = settings
        self._data = data
        self._events = events
        self._image = image
        self._environment = _environment(settings, data, events, host)
        self.logs: dict[str, logs.LogGroup] = {}
        self._secrets = {
            name: ecs.Secret.from_secrets_manager(
                # By its ARN: a secret of another stack would make that stack's key depend on this one's roles.
                secretsmanager.Secret.from_secret_complete_arn(scope, f"{name}Secret", arn)
            )
            for name, arn in {
                "SECRET_KEY": data.secret_key_arn,
                "METRICS_TOKEN": data.metrics_token_arn,
                **settings.secrets,
            }.items()
        }

    def definition(self, name: str, command: Sequence[str], *, size: Tasks) -> ecs.FargateTaskDefinition:
        """`command` is one of manage.py."""
        definition = ecs.FargateTaskDefinition(
            self._scope,
            f"{name.capitalize()}Task",
            family=f"orders-{self._settings.name}-{name}",
            cpu=size.cpu,
            memory_limit_mib=size.memory_mib,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=_PROCESSORS[self._settings.processor],
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
        )
        # The only place that can be written to. It takes its owner and mode from the image's VOLUME.
        definition.add_volume(name="tmp")
        self.logs[name] = log_group(self._scope, f"{name.capitalize()}Log", settings=self._settings)
        container = definition.add_container(
            name,
            image=self._image,
            command=["python", "manage.py", *command],
            environment=self._environment,
            secrets=self._secrets,
            user=_USER,
            readonly_root_filesystem=True,
            stop_timeout=cdk.Duration.seconds(30),
            logging=ecs.LogDriver.aws_logs(
                stream_prefix="orders",
                log_group=self.logs[name],
            ),
        )
        container.add_mount_points(ecs.MountPoint(container_path="/tmp", source_volume="tmp", read_only=False))  # noqa: S108
        self._may_read_secrets(definition)
        return definition

    def may_send_events(self, role: iam.IRole) -> None:
        """To the topic and to the bus."""
        _allow(role, ["sns:Publish"], self._events.topic.topic_arn)
        _allow(role, ["events:PutEvents"], self._events.bus.event_bus_arn)
        _allow(role, ["kms:Decrypt", "kms:GenerateDataKey"], self._events.key.key_arn)

    def may_receive_events(self, role: iam.IRole) -> None:
        """From the queue of what comes in."""
        _allow(role, ["sqs:ReceiveMessage", "sqs:DeleteMessage"], self._events.incoming.queue_arn)
        _allow(role, ["kms:Decrypt"], self._events.key.key_arn)

    def _may_read_secrets(self, definition: ecs.FargateTaskDefinition) -> None:
        _allow(definition.task_role, ["secretsmanager:GetSecretValue"], self._data.database_secret_arn)
        # That of the database is read by the process, the others by ECS before it starts.
        for role in (definition.task_role, definition.obtain_execution_role()):
            _allow(role, ["kms:Decrypt"], self._data.key_arn)


def _environment(settings: Settings, data: Data, events: Events, host: str) -> dict[str, str]:
    if settings.database_certificates:
        tls = f"sslmode=verify-full&sslrootcert={settings.database_certificates}"
    else:
        tls = "sslmode=require"
    return {
        "DATABASE_URL": f"{data.database_url}?{tls}",
        "DATABASE_SECRET_ARN": data.database_secret_arn,
        "ALLOWED_HOSTS": host,
        "CSRF_TRUSTED_ORIGINS": f"https://{host}",
        # What the load balancer was asked over is what the service is told; without a domain it has no certificate.
        "HTTPS": "1" if settings.domain else "0",
        "TRUST_PROXY_HEADERS": "1",
        # The load balancer. What API Gateway does with the header is not certain, and a caller could invent an address.
        "TRUSTED_PROXIES": "1",
        "EVENT_SINKS": f"sns:{events.topic.topic_arn},eventbridge:{events.bus.event_bus_arn}",
        "EVENT_SOURCES": f"sqs:{events.incoming.queue_url}",
        "EVENT_SCHEMA_BASE_URL": f"https://{host}/api/events/schemas",
        "CLOUDWATCH_NAMESPACE": metrics_namespace(settings),
        **settings.environment,
    }


def metrics_namespace(settings: Settings) -> str:
    """Where the relay's metrics are."""
    return f"Orders/{settings.name}"


def _allow(role: iam.IRole, actions: Sequence[str], resource: str) -> None:
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=[resource]))
