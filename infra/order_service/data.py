"""What must not be lost: the database, and the secrets of the service."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from order_service.kept_logs import kept
from order_service.network import DATABASE_PORT, Network
from stages import Settings

_NAME = "orders"


class Data(cdk.Stack):
    """`secret_arn` is that of the database's user and password, which RDS changes every seven days: it needs nobody
    for that, and the tasks read it anew when the old password is refused. Everything here is encrypted with `key_arn`.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, network: Network) -> None:
        super().__init__(scope, construct_id)
        key = kms.Key(self, "Key", enable_key_rotation=True, removal_policy=kept(settings))
        self.key_arn = key.key_arn
        self.cluster = self._cluster(settings, network, key)
        database_secret = self.cluster.secret
        assert database_secret is not None  # noqa: S101 - manage_master_user_password makes it
        self.database_secret_arn = database_secret.secret_arn
        self.secret_key_arn = self._generated("SecretKey", key, "SECRET_KEY: signs sessions and links", settings)
        self.metrics_token_arn = self._generated("MetricsToken", key, "METRICS_TOKEN: opens /metrics", settings)

    @property
    def database_url(self) -> str:
        """Where the database is, without user and password."""
        endpoint = self.cluster.cluster_endpoint
        return f"postgres://{endpoint.hostname}:{DATABASE_PORT}/{_NAME}"

    def _cluster(self, settings: Settings, network: Network, key: kms.Key) -> rds.DatabaseCluster:
        engine = rds.DatabaseClusterEngine.aurora_postgres(version=rds.AuroraPostgresEngineVersion.VER_17_6)
        parameters = rds.ParameterGroup(
            self,
            "Parameters",
            engine=engine,
            description="Connections over TLS only",
            parameters={"rds.force_ssl": "1", "log_min_duration_statement": "1000"},
        )
        return rds.DatabaseCluster(
            self,
            "Cluster",
            engine=engine,
            parameter_group=parameters,
            credentials=rds.Credentials.from_username("orders", encryption_key=key),
            manage_master_user_password=True,
            default_database_name=_NAME,
            writer=rds.ClusterInstance.serverless_v2("Writer", publicly_accessible=False),
            readers=[
                # With the writer's size at all times, as it is to take its place.
                rds.ClusterInstance.serverless_v2(f"Reader{number}", scale_with_writer=True, publicly_accessible=False)
                for number in range(1, settings.readers + 1)
            ],
            serverless_v2_min_capacity=settings.least_units,
            serverless_v2_max_capacity=settings.most_units,
            vpc=network.vpc,
            vpc_subnets=network.data_subnets,
            security_groups=[network.database_group],
            port=DATABASE_PORT,
            storage_encrypted=True,
            storage_encryption_key=key,
            enable_performance_insights=True,
            performance_insight_encryption_key=key,
            backup=rds.BackupProps(retention=cdk.Duration.days(settings.backup_days)),
            copy_tags_to_snapshot=True,
            deletion_protection=settings.is_kept,
            removal_policy=cdk.RemovalPolicy.RETAIN if settings.is_kept else cdk.RemovalPolicy.SNAPSHOT,
            cloudwatch_logs_exports=["postgresql"],
            auto_minor_version_upgrade=True,
        )

    def _generated(self, construct_id: str, key: kms.Key, description: str, settings: Settings) -> str:
        """The ARN of a secret that nobody has to think of."""
        secret = secretsmanager.Secret(
            self,
            construct_id,
            description=description,
            encryption_key=key,
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
            removal_policy=kept(settings),
        )
        return secret.secret_arn
