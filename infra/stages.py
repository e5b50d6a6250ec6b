"""The stages, and how large each is. This is the file to edit: `infra/bin/synth` makes templates of what it says.

A stage is one whole deployment with its own database, in one region. Production may be several of them, each with
storefronts of its own. The account is that of the credentials with which `cdk deploy` runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Domain:
    """`name` is where the service answers; the hosted zone in which it lies is one of Route 53, in the same account."""

    name: str
    zone_name: str
    zone_id: str


@dataclass(frozen=True, slots=True)
class Tasks:
    """How many processes of a kind run, and how large each is. `most` is where scaling ends."""

    least: int
    most: int
    cpu: int = 512
    memory_mib: int = 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs from stage to stage."""

    name: str
    region: str
    zones: tuple[str, str]
    """Named, because what the CDK finds out by itself depends on who asks."""

    # The database. A unit (ACU) is about 2 GiB of memory; it moves between the two by load.
    readers: int
    least_units: float
    most_units: float
    backup_days: int
    is_kept: bool
    """Whether what holds data refuses to be deleted, and outlives its stack."""

    # The tasks.
    web: Tasks
    relay: Tasks
    sweeper: Tasks
    placer: Tasks
    consumer: Tasks

    # The network. Webhooks and other services are reached through the NAT gateways.
    nat_gateways: int
    private_endpoints: bool
    """Whether AWS is called without leaving the VPC; for a stage with little traffic NAT alone is cheaper."""

    # The address. Without a domain it is the one that API Gateway makes: for trying out, see docs/aws.md.
    domain: Domain | None = None
    requests_per_second: int = 500
    burst: int = 1_000

    log_days: Literal[7, 30, 90, 365] = 30
    alarm_email: str | None = None
    """Who is told; AWS sends a letter first that has to be confirmed. Without one the alarms only change colour."""

    processor: Literal["x86_64", "arm64"] = "x86_64"
    """What the image is built for."""

    database_certificates: str | None = None
    """Where the image has the certificates of RDS, such as /app/rds.pem; with them the database's is verified."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """More variables of docs/configuration.md for every task, such as INVENTORY_URL."""

    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables whose values are secrets of Secrets Manager, by ARN, such as INVENTORY_TOKEN."""

    def __post_init__(self) -> None:
        for zone in self.zones:
            if not zone.startswith(self.region):
                raise ValueError(f"The stage {self.name!r} is in {self.region}, but names the zone {zone!r}.")


_ONE: Final = Tasks(least=1, most=1, cpu=256, memory_mib=512)
_TWO: Final = Tasks(least=2, most=2, cpu=256, memory_mib=512)


def _production(name: str, *, region: str, zones: tuple[str, str], domain: Domain | None = None) -> Settings:
    return Settings(
        name=name,
        region=region,
        zones=zones,
        readers=1,
        least_units=1,
        most_units=16,
        backup_days=35,
        is_kept=True,
        web=Tasks(least=2, most=10, cpu=1024, memory_mib=2048),
        relay=_TWO,
        sweeper=_TWO,
        placer=_TWO,
        consumer=Tasks(least=2, most=6, cpu=256, memory_mib=512),
        nat_gateways=2,
        private_endpoints=True,
        domain=domain,
        log_days=365,
    )


STAGES: Final = (
    Settings(
        name="dev",
        region="eu-west-1",
        zones=("eu-west-1a", "eu-west-1b"),
        readers=0,
        least_units=0.5,
        most_units=2,
        backup_days=1,
        is_kept=False,
        web=Tasks(least=1, most=2),
        relay=_ONE,
        sweeper=_ONE,
        placer=_ONE,
        consumer=_ONE,
        nat_gateways=1,
        private_endpoints=False,
        log_days=7,
    ),
    Settings(
        name="staging",
        region="eu-west-1",
        zones=("eu-west-1a", "eu-west-1b"),
        readers=1,
        least_units=0.5,
        most_units=8,
        backup_days=7,
        is_kept=False,
        web=Tasks(least=2, most=4, cpu=1024, memory_mib=2048),
        relay=_TWO,
        sweeper=_TWO,
        placer=_TWO,
        consumer=_TWO,
        nat_gateways=1,
        private_endpoints=False,
    ),
    # One for each part of the world; an order belongs to a storefront, and a storefront to one of them.
    _production("production-eu", region="eu-west-1", zones=("eu-west-1a", "eu-west-1b")),
    _production("production-ap", region="ap-southeast-2", zones=("ap-southeast-2a", "ap-southeast-2b")),
)
